"""test_bad_input.py: what is wrong gets one clear message and its exit code.

Each case asserts the code, words of the message and of the hint, that no
secret appears, and that the slot was not confirmed past what is durable (which
is nothing).
"""
import os
import re
import resource
import subprocess
from pathlib import Path

import pytest

import rig
from records import operations, read_directory, read_json
from rig import Exit


@pytest.fixture
def table(pg):
    pg.sql('create table t (a int primary key, b text)')
    pg.publication()
    return pg


def start(relay, pg, *sinks, options=(), publication='pub', slot=None, **how):
    """Starts streaming that is expected to fail; never loops for ever."""
    args = [*pg.args, '-S', slot or pg.slot, '--start', '-n', '-w']
    if publication:
        args += ['-o', f'publication_names={publication}']
    for sink in sinks or ['null:']:
        args += ['--sink', str(sink)]
    return relay.run(*args, *options, **how)


def refused(process, code, *words):
    text = process.stderr
    assert process.code == code, text
    for word in words:
        assert word in text, f'{word!r} is not in: {text}'
    assert 'hint: ' in text, text
    message, = re.findall(r'^\S+ error: (?!hint: |detail: )(.*)', text, re.M)
    assert not message.endswith('.'), message


@pytest.fixture
def slot(table):
    """The table with a slot and a row nobody may lose."""
    table.create_slot()
    table.sql("insert into t values (1, 'x')")
    table.before = table.confirmed()
    yield table
    assert table.confirmed() == table.before, 'confirmed what is nowhere'


# ---- words ----

@pytest.mark.parametrize('args, words', [
    (['--no-such'], ['no-such']),
    (['--slott', 's'], ['slott', 'slot']),
    (['--sink', 'null:', '--status-interval', '-5'], ['status-interval']),
    (['--sink', 'null:', '--status-interval', 'soon'], ['status-interval']),
    (['--sink', 'nosuch://x'], ['nosuch', 'kafka://']),
    (['--sink', 'out.jsonl'], ['scheme', 'file:']),
    (['--sink', 'file:/x?no_such=1'], ['no_such']),
    (['--sink', 'file:/x?format=xml'], ['xml', 'protobuf']),
    (['--sink', 'kafka://localhost:9092?acks_=1'], ['acks_']),
    (['--sink', 'kafka://localhost:9092?kafka.no.such.property=1'],
     ['no.such.property']),
    (['--sink', 's3://?region=x'], ['bucket']),
    (['--sink', 's3://bucket/p?flush_bytes=nothing'], ['flush-bytes', 'nothing']),
    (['--sink', 'a=null:', '--sink', 'a=null:'], ['two sinks', '"a"']),
    (['--sink', 'null:?topic={nosuch}'], ['nosuch']),
])
def test_words(table, relay, args, words):
    process = relay.run(*table.args, '-S', 'x', '--start', *args)
    refused(process, Exit.USAGE, *words)


def test_secret_on_the_command_line(table, relay):
    """It is refused, and is not repeated in the message."""
    for sink in ('kafka://alice:hunter22@localhost:9092',
                 'kafka://localhost:9092?sasl_password=hunter22',
                 'kafka://localhost:9092?kafka.sasl.password=hunter22',
                 's3://bucket/p?secret_access_key=hunter22'):
        process = relay.run(*table.args, '-S', 'x', '--start', '--sink', sink)
        assert process.code == Exit.USAGE
        assert 'hunter22' not in process.stderr
        assert 'hint: ' in process.stderr


@pytest.mark.parametrize('dbname', [
    'dbname=bank password=hunter22', 'postgresql://alice:hunter22@localhost/b'])
def test_password_in_the_connection_string(relay, dbname):
    process = relay.run('-d', dbname, '-S', 'x', '--start', '-f', '-')
    refused(process, Exit.USAGE, '-d', 'PGPASSWORD')
    assert 'hunter22' not in process.stderr


def test_table_without_identity(pg, relay, tmp_path):
    """Said once, with a hint; its rows are delivered all the same."""
    pg.sql('create table log (a int)')
    pg.create_slot()
    pg.sql('insert into log select generate_series(1, 10)')
    pg.sql('delete from log where a = 1')
    process = relay.stream(
        pg, f'file:{tmp_path}/out?sync_interval=100ms', publication=None)
    pg.wait_confirmed()
    process.stop()
    assert process.stderr.count('public.log has no primary key') == 1
    assert 'REPLICA IDENTITY' in process.stderr
    records = read_json(tmp_path / 'out')
    assert [record['op'] for record in records] == ['insert'] * 10 + ['delete']
    assert all(record['key'] is None for record in records)


# ---- the configuration file ----

def config(tmp_path, text, mode=0o600):
    path = tmp_path / 'fan.conf'
    path.write_text(text)
    path.chmod(mode)
    return path


def test_config_missing(relay, tmp_path):
    process = relay.run('--config', tmp_path / 'none.conf', '--start')
    assert process.code == Exit.USAGE
    assert 'none.conf' in process.stderr


@pytest.mark.parametrize('text, words', [
    ('[pg_fanout]\nno_such = 1\n', [':2', 'no_such']),
    ('[nosuch]\na = 1\n', ['nosuch']),
    ('slot = x\n', [':1', '[pg_fanout]']),
    ('[pg_fanout]\nslot\n', [':2']),
    ('[pg_fanout]\nslot = s\ndbname = d\nstart = on\n'
     '[sink a]\nflush_bytes = 1\n', ['sink a', 'url']),
])
def test_config_faults(relay, tmp_path, text, words):
    process = relay.run('--config', config(tmp_path, text), '--start')
    assert process.code == Exit.USAGE
    for word in words:
        assert word in process.stderr, process.stderr


@pytest.mark.parametrize('mode', [0o644, 0o640, 0o604])
def test_config_with_secret_open_to_others(relay, tmp_path, mode):
    path = config(tmp_path, '[pg_fanout]\nslot = s\ndbname = d\n[sink k]\n'
                  'url = kafka://localhost:9092\nsasl_password = hunter22\n',
                  mode)
    process = relay.run('--config', path, '--start')
    refused(process, Exit.SECRET_FILE, str(path), 'chmod 600')
    assert 'hunter22' not in process.stderr


# ---- the server ----

def test_server_away(table, relay):
    args = ['-d', table.dbname, '-h', '127.0.0.1', '-p', rig.free_port(),
            '-U', 'x', '-S', 'x', '--start', '-w', '-f', '-']
    refused(relay.run(*args), Exit.CONNECT, 'cannot connect', 'refused')


def test_wrong_password(slot, relay):
    args = ['-d', slot.dbname, '-h', '127.0.0.1', '-p', slot.port, '-U',
            slot.user, '-S', slot.slot, '--start', '-w', '-f', '-']
    process = relay.run(*args, env={'PGPASSWORD': 'hunter22'})
    refused(process, Exit.AUTH, 'password')
    assert 'hunter22' not in process.stderr
    refused(relay.run(*args), Exit.AUTH, 'password')


def test_no_such_database(slot, relay):
    process = relay.run('-d', 'no_such_db', '-h', slot.host, '-p', slot.port,
                        '-U', slot.user, '-S', slot.slot, '--start', '-w',
                        '-f', '-')
    refused(process, Exit.CONNECT, 'no_such_db')


def test_role_without_rights(slot, relay):
    slot.sql('create role plain_role login')
    try:
        process = relay.run('-d', slot.dbname, '-h', slot.host, '-p',
                            slot.port, '-U', 'plain_role', '-S', slot.slot,
                            '--start', '-w', '-f', '-')
        refused(process, Exit.AUTH, 'REPLICATION')
    finally:
        slot.sql('drop role plain_role')


def test_slot_missing(table, relay):
    refused(start(relay, table), Exit.SLOT_MISSING, table.slot,
            '--create-slot')


def test_slot_of_another_plugin(table, relay):
    table.create_slot(plugin='test_decoding')
    before = table.confirmed()
    refused(start(relay, table), Exit.SLOT_UNUSABLE, 'test_decoding',
            table.slot)
    assert table.confirmed() == before


def test_slot_of_another_database(slot, relay):
    args = ['-d', 'postgres', '-h', slot.host, '-p', slot.port, '-U',
            slot.user, '-S', slot.slot, '--start', '-n', '-w', '-f', '-']
    refused(relay.run(*args), Exit.SLOT_UNUSABLE, slot.dbname, 'postgres')


def test_physical_slot(table, relay):
    table.sql("select pg_create_physical_replication_slot('phys_slot')")
    try:
        refused(start(relay, table, slot='phys_slot'), Exit.SLOT_UNUSABLE,
                'physical')
    finally:
        table.drop_slot('phys_slot')


def test_two_phase_slot(table, relay):
    table.sql("select pg_create_logical_replication_slot(%s, 'pg_fanout', "
              'false, true)', (table.slot,))
    refused(start(relay, table), Exit.SLOT_UNUSABLE, 'two-phase')


def test_slot_in_use(slot, relay):
    first = relay.stream(slot, 'null:?checkpoint_interval=1h')
    second = start(relay, slot)
    refused(second, Exit.SLOT_IN_USE, slot.slot, 'active')
    assert first.running, 'the first was disturbed'
    first.kill()
    rig.wait_until(lambda: not slot.walsender(), what='end of the walsender')
    slot.before = slot.confirmed()


def test_publication_missing(slot, relay):
    refused(start(relay, slot, publication='no_such_pub'), Exit.PUBLICATION,
            'no_such_pub', 'CREATE PUBLICATION')


def test_plugin_not_allowed(own_pg, relay):
    server = own_pg.server
    if not server.can_restrict_plugins:
        pytest.skip('this server has no output_plugin_libraries')
    own_pg.publication()
    own_pg.create_slot()
    before = own_pg.confirmed()
    server.admin.sql('alter system set output_plugin_libraries = pgoutput')
    server.reload()
    rig.wait_until(lambda: server.admin.value(
        'show output_plugin_libraries') == 'pgoutput', what='the reload')
    for process in (
            start(relay, own_pg),
            relay.run(*own_pg.args, '-S', 'other', '--create-slot')):
        refused(process, Exit.PLUGIN_REFUSED, 'pg_fanout',
                'output_plugin_libraries', 'ALTER SYSTEM')
    assert own_pg.confirmed() == before


def test_plugin_not_installed(table, relay):
    if table.server.can_restrict_plugins:
        pytest.skip('output_plugin_libraries refuses it first')
    process = relay.run(*table.args, '-S', 'other', '--create-slot', '-P',
                        'no_such_plugin')
    refused(process, Exit.PLUGIN_REFUSED, 'no_such_plugin')


def test_missing_plugin_on_create(table, relay):
    process = relay.run(*table.args, '-S', 'other', '--create-slot', '-P',
                        'no_such_plugin')
    assert process.code == Exit.PLUGIN_REFUSED
    assert table.slot_info('other') is None


# ---- sinks ----

def test_file_in_no_directory(slot, relay, tmp_path):
    process = start(relay, slot, f'file:{tmp_path}/none/out')
    refused(process, Exit.SINK_SETUP, f'{tmp_path}/none')


def test_directory_as_file(slot, relay, tmp_path):
    refused(start(relay, slot, f'file:{tmp_path}'), Exit.SINK_SETUP,
            str(tmp_path))


def test_file_used_by_two(slot, relay, tmp_path):
    """Two relays writing one file would garble it."""
    slot.sql('select pg_create_logical_replication_slot(%s, %s)',
             ('second_slot', 'pg_fanout'))
    out = tmp_path / 'out'
    first = relay.stream(slot, f'file:{out}?checkpoint_interval=1h'
                         '&sync_interval=1h')
    process = start(relay, slot, f'file:{out}', slot='second_slot')
    assert process.code in (Exit.SINK_SETUP, Exit.CHECKPOINT), process.stderr
    assert first.running
    first.kill()
    rig.wait_until(lambda: not slot.walsender(), what='end of the walsender')
    slot.before = slot.confirmed()


def file_limit(size):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def test_full_disk(slot, relay, tmp_path):
    """The disk fills in the middle: stop, say so, lose and double nothing."""
    slot.sql('insert into t select g, repeat(md5(g::text), 30) '
             'from generate_series(2, 3000) g')
    out = tmp_path / 'out'
    process = start(relay, slot, f'file:{out}?sync_interval=0',
                    preexec_fn=file_limit(1024 * 1024),
                    wrap=['bash', '-c', 'trap "" XFSZ; exec "$@"', 'limit'])
    refused(process, Exit.DISK, str(out))
    process = relay.stream(slot, f'file:{out}?sync_interval=0')
    slot.wait_confirmed()
    process.stop()
    assert operations(read_json(out)) == [
        ('insert', a) for a in range(1, 3001)]
    slot.before = slot.confirmed()


def test_dev_full(slot, relay):
    """Standard output on a full device."""
    with open('/dev/full', 'wb') as full:
        process = start(relay, slot, 'file:-', stdout=full)
    refused(process, Exit.DISK, 'standard output')


def test_closed_pipe(slot, relay):
    """The reader of the pipe has gone."""
    slot.sql('insert into t select g, repeat(md5(g::text), 30) '
             'from generate_series(2, 3000) g')
    read, write = os.pipe()
    os.close(read)
    try:
        process = start(relay, slot, 'file:-', stdout=write)
    finally:
        os.close(write)
    assert process.code in (Exit.SINK_WRITE, Exit.DISK), process.stderr
    assert 'ipe' in process.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason='mounting takes root')
def test_full_file_system(slot, relay, tmp_path):
    """The same for a directory of objects, on a file system of 1 MB; where room
    is made it goes on, and loses nothing."""
    mount = tmp_path / 'small'
    mount.mkdir()
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none',
                           mount], capture_output=True)
    if done.returncode:
        pytest.skip('mounting is not allowed here')
    try:
        slot.sql('insert into t select g, repeat(md5(g::text), 30) '
                 'from generate_series(2, 3000) g')
        process = start(relay, slot, f'dir://{mount}?flush_interval=1s')
        refused(process, Exit.DISK, str(mount))
        subprocess.run(['mount', '-o', 'remount,size=64m', mount], check=True)
        process = relay.stream(slot, f'dir://{mount}?flush_interval=1s')
        slot.wait_confirmed()
        process.stop()
        assert {a for _, a in operations(read_directory(mount))} == set(
            range(1, 3001))
        slot.before = slot.confirmed()
    finally:
        subprocess.run(['umount', mount], check=True)


def test_bucket_missing(slot, relay, s3):
    url = s3.url().replace(s3.bucket, 'no-such-bucket')
    process = start(relay, slot, url, env=s3.env)
    refused(process, Exit.SINK_SETUP, 'no-such-bucket')


def test_wrong_s3_secret(slot, relay, s3):
    env = dict(s3.env, AWS_SECRET_ACCESS_KEY='hunter22hunter22')
    process = start(relay, slot, s3.url(), env=env)
    refused(process, Exit.SINK_SETUP, s3.bucket)
    assert 'hunter22' not in process.stderr


def test_no_s3_credentials(slot, relay, s3, tmp_path):
    process = start(relay, slot, s3.url(), env={'HOME': tmp_path})
    refused(process, Exit.SINK_SETUP, 'AWS_ACCESS_KEY_ID')


def test_open_credentials_file(slot, relay, s3, tmp_path):
    path = tmp_path / 'credentials'
    path.write_text('[default]\naws_access_key_id = x\n'
                    'aws_secret_access_key = hunter22\n')
    path.chmod(0o644)
    process = start(relay, slot, s3.url(),
                    env={'AWS_SHARED_CREDENTIALS_FILE': path})
    refused(process, Exit.SECRET_FILE, str(path), 'chmod 600')
    assert 'hunter22' not in process.stderr


def test_s3_server_away(slot, relay):
    url = f's3://bucket/x?endpoint=http://127.0.0.1:{rig.free_port()}'
    process = start(relay, slot, url, timeout=120, env={
        'AWS_ACCESS_KEY_ID': 'x', 'AWS_SECRET_ACCESS_KEY': 'hunter22'})
    refused(process, Exit.SINK_SETUP, '127.0.0.1')
    assert 'hunter22' not in process.stderr


def test_broker_away(slot, relay):
    process = start(relay, slot, f'kafka://127.0.0.1:{rig.free_port()}',
                    timeout=120)
    refused(process, Exit.SINK_SETUP, '127.0.0.1')


def test_wrong_sasl_password(slot, relay, kafka_sasl, tmp_path):
    path = tmp_path / 'fan.conf'
    path.write_text(f'[sink k]\nurl = {kafka_sasl.sasl_url}\n'
                    'security_protocol = sasl_ssl\n'
                    'sasl_mechanism = PLAIN\n'
                    f'sasl_username = {kafka_sasl.username}\n'
                    'sasl_password = hunter22\n'
                    f'ssl_ca_location = {kafka_sasl.ca}\n')
    path.chmod(0o600)
    process = relay.run(*slot.args, '-S', slot.slot, '--start', '-n', '-w',
                        '-o', 'publication_names=pub', '--config', path,
                        timeout=120)
    refused(process, Exit.SINK_SETUP)
    assert 'hunter22' not in process.stderr


def test_unnamed_topic(slot, relay, kafka):
    """A topic name that Kafka refuses is a setup fault, not a lost record."""
    process = start(relay, slot, f'{kafka.url}?topic=' + 'x' * 300)
    assert process.code in (Exit.USAGE, Exit.RECORD), process.stderr
    assert '249' in process.stderr


# ---- secrets in sight ----

def test_no_secret_in_sight(table, relay, kafka_sasl, s3, tmp_path):
    """Command line, environment apart, log with -v: no password anywhere."""
    table.create_slot()
    path = tmp_path / 'fan.conf'
    path.write_text(f'[sink k]\nurl = {kafka_sasl.sasl_url}\n'
                    'security_protocol = sasl_ssl\n'
                    'sasl_mechanism = PLAIN\n'
                    f'sasl_username = {kafka_sasl.username}\n'
                    f'sasl_password = {kafka_sasl.password}\n'
                    f'ssl_ca_location = {kafka_sasl.ca}\n'
                    f'[sink s]\nurl = {s3.url()}\nflush_interval = 1s\n'
                    f'access_key_id = {s3.access_key}\n'
                    f'secret_access_key = {s3.secret_key}\n')
    path.chmod(0o600)
    process = relay('-d', table.dbname, '-h', '127.0.0.1', '-p', table.port,
                    '-U', table.user, '-S', table.slot, '--start', '-v', '-o',
                    'publication_names=pub', '--config', path,
                    env={'PGPASSWORD': table.password}).wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed()
    command = Path(f'/proc/{process.pid}/cmdline').read_text()
    process.stop()
    for secret in (kafka_sasl.password, s3.secret_key, table.password):
        assert secret not in command
        assert secret not in process.stderr
