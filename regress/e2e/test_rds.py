"""test_rds.py: login and rights on a server with the manners of RDS.

No superuser, our library is not there, TLS only, tokens for the members of
rds_iam: what the relay can do there, and what it says where it cannot.
"""
import json
import socket
import threading
import time

import pytest

import rds
from rig import Exit, wait_until

KEY, SECRET, TOKEN = 'AKIDTEST', 'cAnArY/sEcReT+key', 'cAnArY/token=='


@pytest.fixture
def authority(rds_server):
    one = rds_server.authority
    one.keys, one.seen, one.tokens = {KEY: (SECRET, None)}, [], []
    return one


def iam_env(db, **more):
    return {'AWS_ACCESS_KEY_ID': KEY, 'AWS_SECRET_ACCESS_KEY': SECRET,
            'PGSSLROOTCERT': db.server.ca, **more}


def drop_slot(db):
    if db.slot_info():
        db.drop_slot()


def create(relay, db, where=None, *more, **how):
    """--create-slot -P pgoutput over the network."""
    if 'env' not in how:
        how['env'] = db.env
    process = relay.run('-d', where or db.where(), '-S', db.slot,
                        '--create-slot', '-P', 'pgoutput', *more, **how)
    assert 'cAnArY' not in process.stderr
    return process


# ---- TLS ----

def test_verified_by_default(rds_db, relay):
    """The server must prove who it is, and nobody has to ask for it."""
    assert create(relay, rds_db).code == 0
    drop_slot(rds_db)
    env = dict(rds_db.env)
    del env['PGSSLROOTCERT']
    process = create(relay, rds_db, env=env)
    assert process.code == Exit.CONNECT
    assert 'certificate verify failed' in process.stderr
    assert 'truststore.pki.rds.amazonaws.com' in process.stderr
    assert not rds_db.slot_info()


def test_users_authorities(rds_db, relay, tmp_path):
    """Authorities are found where libpq or OpenSSL look for them."""
    env = dict(rds_db.env)
    ca = env.pop('PGSSLROOTCERT')
    assert create(relay, rds_db, rds_db.where(sslrootcert=ca),
                  env=env).code == 0
    drop_slot(rds_db)
    assert create(relay, rds_db, env=dict(env, SSL_CERT_FILE=ca)).code == 0
    drop_slot(rds_db)
    home = tmp_path / '.postgresql'
    home.mkdir()
    (home / 'root.crt').write_text(open(ca).read())
    assert create(relay, rds_db, env=dict(env, HOME=tmp_path)).code == 0
    drop_slot(rds_db)
    process = create(relay, rds_db, rds_db.where(sslrootcert='/none.crt'),
                     env=env)
    assert process.code == Exit.CONNECT
    assert 'sslrootcert=FILE' in process.stderr


def test_users_sslmode_wins(rds_db, relay, tmp_path):
    """Connection string, environment and service file."""
    env = dict(rds_db.env)
    del env['PGSSLROOTCERT']
    assert create(relay, rds_db, rds_db.where(sslmode='require'),
                  env=env).code == 0
    drop_slot(rds_db)
    assert create(relay, rds_db, env=dict(env, PGSSLMODE='prefer')).code == 0
    drop_slot(rds_db)
    services = tmp_path / 'services'
    services.write_text(
        '[fan]\n' + rds_db.where(sslmode='prefer').replace(' ', '\n') + '\n')
    assert create(relay, rds_db, 'service=fan',
                  env=dict(env, PGSERVICEFILE=services)).code == 0
    drop_slot(rds_db)
    services.write_text('[fan]\n' + rds_db.where().replace(' ', '\n') + '\n')
    process = create(relay, rds_db, 'service=fan',
                     env=dict(env, PGSERVICEFILE=services))
    assert process.code == Exit.CONNECT, 'the service file says nothing'


@pytest.mark.parametrize('certificate', ['expired', 'stranger'])
def test_wrong_certificate(rds_db, relay, certificate):
    rds_db.server.use_certificate(certificate)
    try:
        process = create(relay, rds_db)
        assert process.code == Exit.CONNECT, process.stderr
        assert 'certificate verify failed' in process.stderr
    finally:
        rds_db.server.use_certificate('server')
    assert not rds_db.slot_info()


def test_wrong_name(rds_db, relay):
    """A name that the certificate has not."""
    process = create(relay, rds_db, rds_db.where(host='db.example.com'))
    assert process.code == Exit.CONNECT
    assert 'does not match host name' in process.stderr
    assert 'hostaddr' in process.stderr


def test_plain_text_is_refused(rds_db, relay):
    process = create(relay, rds_db, rds_db.where(sslmode='disable'))
    assert process.code == Exit.AUTH
    assert 'no encryption' in process.stderr


def test_server_without_tls(pg, relay):
    """A server that is not local and has no TLS is not talked to, unless the
    user says so; a local one is."""
    where = (f'host=db.example.com hostaddr=127.0.0.1 port={pg.port} '
             f'user={pg.user} dbname={pg.dbname}')
    env = {'PGPASSWORD': pg.password}
    process = create(relay, pg, where, env=env)
    assert process.code == Exit.CONNECT
    assert 'sslmode=prefer' in process.stderr
    assert create(relay, pg, where + ' sslmode=prefer', env=env).code == 0
    pg.drop_slot()
    assert create(relay, pg, where.replace('db.example.com', 'localhost'),
                  env=env).code == 0


# ---- tokens ----

def test_token(rds_db, relay, authority):
    """botocore, asked for the same moment, makes the same token."""
    process = create(relay, rds_db, rds_db.where('iam'), '--auth=iam',
                     env=iam_env(rds_db))
    assert process.code == 0, (process.stderr, authority.seen)
    assert authority.seen == [('iam', '')]
    assert rds_db.slot_info()
    # with -v, too, nothing secret is told
    process = relay.run('-d', rds_db.where('iam'), '-S', rds_db.slot, '-v',
                        '--auth=iam', '--drop-slot', env=iam_env(rds_db))
    assert process.code == 0
    assert 'IAM token for user "iam"' in process.stderr
    assert 'Signature' not in process.stderr
    assert 'cAnArY' not in process.stderr


def test_temporary_keys_of_a_profile(rds_db, relay, authority, tmp_path):
    authority.keys[KEY] = (SECRET, TOKEN)
    files = tmp_path / '.aws'
    files.mkdir()
    credentials = files / 'credentials'
    credentials.write_text(f'[fan]\naws_access_key_id={KEY}\n'
                           f'aws_secret_access_key={SECRET}\n'
                           f'aws_session_token={TOKEN}\n')
    credentials.chmod(0o600)
    env = {'HOME': tmp_path, 'PGSSLROOTCERT': rds_db.server.ca}
    process = create(relay, rds_db, rds_db.where('iam'), '--auth=iam',
                     '--aws-profile=fan', env=env)
    assert process.code == 0, (process.stderr, authority.seen)


def test_token_refused(rds_db, relay, authority):
    """Wrong secret, a region that the endpoint is not in, no keys."""
    process = create(relay, rds_db, rds_db.where('iam'), '--auth=iam',
                     env=iam_env(rds_db, AWS_SECRET_ACCESS_KEY='cAnArY2'))
    assert process.code == Exit.AUTH
    assert 'rds_iam' in process.stderr and 'rds-db:connect' in process.stderr
    process = create(relay, rds_db, rds_db.where('iam'), '--auth=iam',
                     '--aws-region=us-east-1', env=iam_env(rds_db))
    assert process.code == Exit.AUTH
    assert [seen[1] == '' for seen in authority.seen] == [False, False]
    process = create(relay, rds_db, rds_db.where('iam'), '--auth=iam',
                     env={'PGSSLROOTCERT': rds_db.server.ca, 'HOME': '/none'})
    assert process.code == Exit.AUTH
    assert 'no AWS credentials found' in process.stderr


def test_token_stays_off_plain_lines(rds_db, relay, authority):
    for mode in ('disable', 'allow', 'prefer'):
        process = create(relay, rds_db, rds_db.where('iam', sslmode=mode),
                         '--auth=iam', env=iam_env(rds_db))
        assert process.code == Exit.USAGE, mode
        assert 'needs TLS' in process.stderr
    assert authority.seen == []


def test_token_through_a_tunnel(rds_db, relay, authority):
    """The token is for the endpoint, wherever the connection goes."""
    where = rds_db.where('iam', host='localhost')
    process = create(relay, rds_db, where, '--auth=iam', env=iam_env(rds_db))
    assert process.code == Exit.USAGE
    assert '--iam-endpoint' in process.stderr
    process = create(relay, rds_db, where, '--auth=iam',
                     f'--iam-endpoint={rds.HOST}:{rds_db.port}',
                     env=iam_env(rds_db))
    assert process.code == 0, (process.stderr, authority.seen)


@pytest.mark.parametrize('life', [3600, 200])
def test_token_for_each_connection(rds_db, relay, authority, agent, tmp_path,
                                   life):
    """A connection that is lost is made again with another token; keys are
    asked for again only if they live for less than five minutes."""
    authority.keys[KEY] = (SECRET, TOKEN)
    agent.hand_out(KEY, SECRET, TOKEN, life)
    env = dict(agent.env, PGSSLROOTCERT=rds_db.server.ca)
    rds_db.app_sql('create publication pub for table app.item')
    assert create(relay, rds_db, rds_db.where('iam'), '--auth=iam',
                  env=env).code == 0
    asked = agent.asked
    out = tmp_path / 'out'
    process = relay('-d', rds_db.where('iam'), '-S', rds_db.slot,
                    '-P', 'pgoutput', '-o', 'publication_names=pub', '--start',
                    '--auth=iam', '--sink', f'file:{out}', env=env)
    process.wait_streaming()
    rds_db.app_sql("insert into app.item values (1, 'one')")
    wait_until(lambda: out.exists() and '"one"' in out.read_text())
    began = len(authority.seen)
    time.sleep(1.1)     # tokens differ by their second
    rds_db.sql('select pg_terminate_backend(%s)', (rds_db.walsender(),))
    rds_db.app_sql("insert into app.item values (2, 'two')")
    wait_until(lambda: '"two"' in out.read_text())
    assert process.stop() == 0
    assert len(authority.seen) > began
    assert all(reason == '' for _, reason in authority.seen), authority.seen
    assert authority.tokens[0] != authority.tokens[-1]
    used = len(authority.seen) - 1      # without --create-slot's
    assert agent.asked - asked == (1 if life == 3600 else used)


def test_token_refused_for_a_while(rds_db, relay, authority):
    """What checks tokens may fail: a relay that runs waits for it."""
    rds_db.app_sql('create publication pub for table app.item')
    assert create(relay, rds_db, rds_db.where('iam'), '--auth=iam',
                  env=iam_env(rds_db)).code == 0
    process = relay('-d', rds_db.where('iam'), '-S', rds_db.slot,
                    '-P', 'pgoutput', '-o', 'publication_names=pub', '--start',
                    '--auth=iam', '--sink', 'null:', env=iam_env(rds_db))
    process.wait_streaming()
    authority.keys = {}
    rds_db.sql('select pg_terminate_backend(%s)', (rds_db.walsender(),))
    process.wait_for('warning: .*authentication failed')
    seen = len(process.lines)
    authority.keys = {KEY: (SECRET, None)}
    process.wait_streaming(after=seen)
    assert process.stop() == 0


def test_token_to_a_stranger(rds_db, relay, authority):
    """Said so, a token goes to a server that is not verified; not silently."""
    process = create(relay, rds_db, rds_db.where('iam', sslmode='require'),
                     '--auth=iam', env=iam_env(rds_db))
    assert process.code == 0
    assert 'does not prove who it is' in process.stderr


# ---- in between ----

@pytest.mark.parametrize('sqlstate, message, hint', [
    ('08P01', 'unsupported startup parameter: replication', 'pooler'),
    ('0A000', "RDS Proxy currently doesn't support streaming replication mode",
     'RDS Proxy'),
    ('55000', 'replication slots cannot be used on RO (Read Only) node',
     'writer'),
])
def test_not_the_server_itself(relay, sqlstate, message, hint):
    """Poolers, proxies and read-only nodes are told from what they say."""
    listener = socket.create_server(('127.0.0.1', 0))

    def refuse():
        connection = listener.accept()[0]
        size = int.from_bytes(connection.recv(4), 'big')
        connection.recv(size - 4)
        fields = b''.join(kind + text.encode() + b'\0' for kind, text in (
            (b'S', 'FATAL'), (b'V', 'FATAL'), (b'C', sqlstate),
            (b'M', message))) + b'\0'
        connection.sendall(b'E' + (len(fields) + 4).to_bytes(4, 'big')
                           + fields)
        connection.close()

    threading.Thread(target=refuse, daemon=True).start()
    port = listener.getsockname()[1]
    process = relay.run('-d', f'host=127.0.0.1 port={port} dbname=d user=u '
                        'sslmode=disable gssencmode=disable', '-S', 's',
                        '--create-slot')
    listener.close()
    assert process.code in (Exit.CONNECT, Exit.SLOT_UNUSABLE), process.stderr
    assert message in process.stderr
    assert hint in process.stderr.split('hint:')[1]


# ---- rights ----

def test_own_plugin_is_absent(rds_db, relay):
    """Our library cannot be there: the hint names the built-in plugin."""
    process = relay.run('-d', rds_db.where(), '-S', rds_db.slot,
                        '--create-slot', env=rds_db.env)
    assert process.code == Exit.PLUGIN_REFUSED, process.stderr
    assert '-P pgoutput' in process.stderr


def test_role_without_replication(rds_db, relay):
    process = create(relay, rds_db, rds_db.where('reader'))
    assert process.code == Exit.AUTH
    assert 'rds_replication' in process.stderr


def publish(relay, db, *tables, user='app', name='pub', more=()):
    return relay.run('-d', db.where(user), '-o', f'publication_names={name}',
                     *more, *(f'--create-publication={t}' for t in tables),
                     env=db.env)


def test_publication_of_own_tables(rds_db, relay):
    rds_db.app_sql('create table app."odd, Name" (a int primary key)')
    assert publish(relay, rds_db, 'app.item', 'app."odd, Name"').code == 0
    assert rds_db.rows('select tablename from pg_publication_tables '
                       "where pubname = 'pub' order by 1") == [
        ('item',), ('odd, Name',)]
    process = publish(relay, rds_db, 'app.item')
    assert process.code == Exit.USAGE and '--if-not-exists' in process.stderr
    assert publish(relay, rds_db, 'app.item',
                   more=['--if-not-exists']).code == 0
    assert publish(relay, rds_db, 'app.item', name='"a,b"').code == 0
    assert rds_db.value("select 1 from pg_publication where pubname = 'a,b'")


def test_publication_beyond_its_rights(rds_db, relay):
    """What the role may not publish, and who may."""
    rds_db.sql('create table public.other (a int primary key)')
    process = publish(relay, rds_db, '*')
    assert process.code == Exit.AUTH
    assert 'FOR ALL TABLES' in process.stderr
    assert 'rds_superuser' in process.stderr
    process = publish(relay, rds_db, 'app.item', 'public.other')
    assert process.code == Exit.AUTH
    assert 'must be owner of table other' in process.stderr
    assert 'let their owner add them' in process.stderr
    process = publish(relay, rds_db, 'app.item', user='reader')
    assert process.code == Exit.AUTH
    assert 'GRANT USAGE ON SCHEMA' in process.stderr
    rds_db.sql('create table public.mine (a int primary key);'
               'alter table public.mine owner to reader')
    process = publish(relay, rds_db, 'public.mine', user='reader')
    assert process.code == Exit.AUTH
    assert 'GRANT CREATE ON DATABASE' in process.stderr
    process = publish(relay, rds_db, 'app.none')
    assert process.code == Exit.USAGE
    assert 'table "app.none" does not exist' in process.stderr
    process = publish(relay, rds_db, 'app.item', name='a,b')
    assert process.code == Exit.USAGE
    assert not rds_db.rows('select 1 from pg_publication')


def test_stream(rds_db, relay, tmp_path):
    """The whole way with the rights of an ordinary owner."""
    assert create(relay, rds_db, None, '-o', 'publication_names=pub',
                  '--create-publication=app.item').code == 0
    out = tmp_path / 'out'
    process = relay('-d', rds_db.where(), '-S', rds_db.slot, '-P', 'pgoutput',
                    '-o', 'publication_names=pub', '--start',
                    '--sink', f'file:{out}', env=rds_db.env)
    process.wait_streaming()
    rds_db.app_sql("insert into app.item values (1, 'one');"
                   "update app.item set note = 'two';"
                   'delete from app.item')
    wait_until(lambda: out.exists() and out.read_text().count('\n') == 3)
    assert process.stop() == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(r['op'], r['key']) for r in records] == [
        ('insert', {'id': 1}), ('update', {'id': 1}), ('delete', {'id': 1})]
    assert records[1]['after'] == {'id': 1, 'note': 'two'}


# ---- --check ----

def check(relay, db, user='app', *args):
    process = relay.run('-d', db.where(user), '-S', db.slot, '-P', 'pgoutput',
                        '--check', *args, env=db.env)
    process.text = process.output.decode()
    return process


def test_check(rds_db, relay):
    rds_db.app_sql('create publication pub for table app.item')
    rds_db.create_slot(plugin='pgoutput')
    process = check(relay, rds_db, 'app', '-o', 'publication_names=pub',
                    '--sink', 'null:')
    assert process.code == 0, process.text
    assert 'FAIL' not in process.text
    for words in ('RDS or Aurora', 'over TLSv1.3', 'wal_level is logical',
                  'role "app" may replicate', 'pgoutput',
                  'publication "pub" has 1 tables',
                  'has a replica identity (1 tables, 0 of them FULL)',
                  'max_slot_wal_keep_size is unlimited',
                  'wal_sender_timeout is 30 s', 'sink null can be written'):
        assert words in process.text, (words, process.text)


def test_check_explains_rights(rds_db, relay):
    """A role that may not replicate is looked at all the same."""
    process = check(relay, rds_db, 'reader', '-o', 'publication_names=pub')
    assert process.code == Exit.AUTH
    for words in ('FAIL  cannot connect to PostgreSQL',
                  'FAIL  role "reader" may not replicate',
                  'GRANT rds_replication', 'wal_level is logical',
                  'FAIL  publication "pub" does not exist',
                  f'FAIL  replication slot "{rds_db.slot}" does not exist'):
        assert words in process.text, (words, process.text)


def test_check_finds_the_plugin_missing(rds_db, relay):
    process = relay.run('-d', rds_db.where(), '-S', rds_db.slot, '--check',
                        env=rds_db.env)
    text = process.output.decode()
    assert 'FAIL  a managed server has no output plugin pg_fanout' in text
    assert '-P pgoutput' in text


def test_check_tables(rds_db, relay):
    """A line for each table whose rows cannot be identified."""
    rds_db.app_sql('''
        create table app."no Key" (a int);
        create table app.nothing (a int primary key);
        alter table app.nothing replica identity nothing;
        create table app.whole (a int);
        alter table app.whole replica identity full;
        create table app.gone (a int not null);
        create unique index gone_index on app.gone (a);
        alter table app.gone replica identity using index gone_index;
        drop index app.gone_index;
        insert into app."no Key" values (1);
        update app."no Key" set a = 2;
        create publication pub for table app.item, app."no Key", app.nothing,
            app.whole, app.gone;
        create publication "ins,only" for table app.nothing
            with (publish = 'insert');
        create publication empty''')
    rds_db.create_slot(plugin='pgoutput')
    process = check(relay, rds_db, 'app', '-o',
                    'publication_names=pub, "ins,only",empty')
    text = process.text
    assert process.code == 0, text
    for table in ('app."no Key"', 'app.nothing', 'app.gone'):
        assert f'warn  table {table} has no replica identity' in text, text
    assert 'table app.whole' not in text and 'table app.item' not in text
    assert 'publication "ins,only" leaves out: update, delete, truncate' \
        in text
    assert 'publication "empty" has no tables' in text
    if rds_db.version >= 150000:
        rds_db.app_sql('create publication part for table app.item (id), '
                       'app.whole where (a > 0)')
        part = check(relay, rds_db, 'app', '-o', 'publication_names=part')
        assert ('"part" has 2 tables, 1 with a row filter, 1 with a column '
                'list') in part.text, part.text
    only = check(relay, rds_db, 'app', '-o', 'publication_names="ins,only"')
    assert 'has no replica identity' not in only.text, 'nothing is updated'
    wrong = check(relay, rds_db, 'app', '-o', 'publication_names=pub,')
    assert 'is no list of names' in wrong.text
    assert wrong.code == Exit.USAGE
    none = check(relay, rds_db)
    assert 'FAIL  pgoutput needs publication_names' in none.text


def test_check_parameters(rds_db, relay):
    """Parameters that will hurt later."""
    rds_db.app_sql('create publication pub for table app.item')
    server = rds_db.server
    server.set(max_slot_wal_keep_size='100MB', wal_sender_timeout='0')
    try:
        rds_db.create_slot(plugin='pgoutput')
        text = check(relay, rds_db, 'app', '-o', 'publication_names=pub').text
        assert 'warn  max_slot_wal_keep_size is 100 MB' in text
        assert 'warn  wal_sender_timeout is off' in text
        assert f'slot "{rds_db.slot}" keeps' in text
        server.set(wal_sender_timeout='3s')
        text = check(relay, rds_db, 'app', '-o', 'publication_names=pub').text
        assert 'warn  wal_sender_timeout is 3000 ms' in text
    finally:
        server.set(max_slot_wal_keep_size=None, wal_sender_timeout=None)


@pytest.fixture
def narrow():
    """A server on which nothing is prepared, and whose slots are used up."""
    server = rds.Rds(settings=[
        'wal_level=replica', 'rds.logical_replication=off',
        'max_replication_slots=1', 'max_wal_senders=1'])
    try:
        server.start()
        yield server.new_database()
    finally:
        server.close()


def test_check_finds_no_room(narrow, relay):
    """Switched off, all slots and walsenders used, an idle slot's WAL."""
    narrow.sql("select pg_create_physical_replication_slot('old', true)")
    for _ in range(66):     # of 16 MB
        narrow.sql("select pg_logical_emit_message(false, '', 'x')")
        narrow.sql('select pg_switch_wal()')
    process = check(relay, narrow, 'app', '-o', 'publication_names=pub')
    assert process.code == Exit.SLOT_UNUSABLE, process.text
    for words in (
            'FAIL  wal_level is replica and rds.logical_replication is off',
            'Set rds.logical_replication = 1 in the parameter group',
            'FAIL  all 1 replication slots are in use',
            'warn  all 1 walsenders are in use',
            'warn  slot "old" is read by nobody and keeps 1.0 GB of WAL'):
        assert words in process.text, (words, process.text)
