"""test_resnapshot_command.py: requests to read tables again, and what is said
of those that mean nothing. What the relay does with them is elsewhere."""
import json

import pytest

from rig import Exit


@pytest.fixture
def tables(pg):
    pg.sql('create table t (a int primary key); create schema shop; '
           'create table shop.one (a int); create table shop."t.wo,é" (a int);'
           'create table shop.apart (a int)')
    pg.publication(tables=['t', 'shop.one', 'shop."t.wo,é"'])
    pg.create_slot()
    return pg


def ask(relay, pg, *more, slot=True):
    return relay.run(*pg.args, *(['-S', pg.slot] if slot else []), *more)


def requests(pg):
    """The requests in the slot, oldest first."""
    rows = pg.rows("select record from fanout.peek(%s, null, null, "
                   "'messages', 'on')", (pg.slot,))
    messages = [row[0] for row in rows
                if row[0].get('prefix') == 'pg_fanout.resnapshot']
    assert all(m['transactional'] for m in messages)
    return [json.loads(m['content']) for m in messages]


def test_request(tables, relay):
    """It is in the WAL, as it was said."""
    tables.sql('create extension pg_fanout')
    process = ask(relay, tables, '--resnapshot=public.t')
    assert process.code == 0, process.stderr
    assert f'no relay is connected to slot "{tables.slot}"' in process.stderr
    process = ask(relay, tables, '--resnapshot', r'shop.t\.wo\,é',
                  '--resnapshot', 'shop.o*,public.[t]', '-o',
                  'publication_names=pub', '--resnapshot-sink=lake')
    assert process.code == 0, process.stderr
    assert requests(tables) == [
        {'tables': ['public.t'], 'slot': tables.slot},
        {'tables': [r'shop.t\.wo\,é', 'shop.o*,public.[t]'],
         'slot': tables.slot, 'sink': 'lake'}]


def test_other_encoding(postgres, relay):
    """Also in a database that is not in UTF-8, by either way."""
    pg = postgres.new_database(options="encoding 'LATIN1' template template0 "
                                       "lc_collate 'C' lc_ctype 'C'")
    pg.sql('create extension pg_fanout; create table "é" (a int)')
    pg.create_slot()
    assert ask(relay, pg, '--resnapshot=public.é').code == 0
    pg.sql("select fanout.resnapshot('\"é\"', 'läke')")
    assert requests(pg) == [
        {'tables': ['public.é'], 'slot': pg.slot},
        {'tables': ['public.é'], 'slot': None, 'sink': 'läke'}]


def test_active_slot(tables, relay, tmp_path):
    relay.stream(tables, f'file:{tmp_path}/out')
    process = ask(relay, tables, '--resnapshot=public.t')
    assert process.code == 0, process.stderr
    assert f'server process {tables.walsender()} sends' in process.stderr


def test_usage(tables, relay, tmp_path):
    for options, said in (
            (['--resnapshot=public.t', '--start', '--sink=null:'],
             '--resnapshot and --start exclude each other'),
            (['--resnapshot=public.t', '--drop-slot'], 'exclude each other'),
            (['--resnapshot-sink=lake', '--check'], 'needs --resnapshot'),
            (['--resnapshot=t'], '"t" is no pattern of the form schema.table'),
            (['--resnapshot=public.u'], '"public.u" matches no table'),
            (['--resnapshot=public.t,pg_catalog.*'], 'matches no table'),
            (['--resnapshot=shop.apart', '-o', 'publication_names=pub'],
             '"shop.apart" matches no table that is published'),
            (['--resnapshot=public.t', '--resnapshot-sink=lake', '--sink',
              f'out=file:{tmp_path}/out'], 'no sink is called "lake"')):
        process = ask(relay, tables, *options)
        assert process.code == Exit.USAGE, (options, process.stderr)
        assert said in process.stderr
    assert 'The sinks are: out.' in process.stderr
    process = ask(relay, tables, '--resnapshot=public.t', slot=False)
    assert process.code == Exit.USAGE
    assert 'no slot specified' in process.stderr
    process = relay.run('--resnapshot=public.t', '-S', tables.slot)
    assert process.code == Exit.USAGE
    assert 'no database specified' in process.stderr


def test_file_with_start(tables, relay, tmp_path):
    """A service's file does, with start taken back."""
    path = tmp_path / 'fan.conf'
    path.write_text(f"""[pg_fanout]
start = on
slot = {tables.slot}
option = publication_names=pub
[sink lake]
url = dir://{tmp_path}/lake
""")
    args = [*tables.args, '--config', path, '--resnapshot=public.t',
            '--resnapshot-sink=lake']
    process = relay.run(*args)
    assert process.code == Exit.USAGE
    assert 'add --start=off' in process.stderr
    process = relay.run(*args, '--start=off')
    assert process.code == 0, process.stderr


def test_slot(tables, relay, postgres):
    process = ask(relay, tables, '--resnapshot=public.t', '-S', 'missing')
    assert process.code == Exit.SLOT_MISSING, process.stderr
    other = postgres.new_database()
    other.create_slot()
    process = ask(relay, tables, '--resnapshot=public.t', '-S', other.slot)
    assert process.code == Exit.SLOT_UNUSABLE, process.stderr
    assert f'belongs to database "{other.dbname}"' in process.stderr
    physical = f'{tables.dbname}_physical'
    tables.sql('select pg_create_physical_replication_slot(%s)', (physical,))
    try:
        process = ask(relay, tables, '--resnapshot=public.t', '-S', physical)
        assert process.code == Exit.SLOT_UNUSABLE, process.stderr
    finally:
        tables.drop_slot(physical)


def test_missing_right(tables, relay):
    """What the server says is passed on, with what to do."""
    role = f'{tables.dbname}_role'
    tables.sql(f'create role {role} login; revoke execute on function '
               'pg_logical_emit_message(boolean, text, text'
               f'{", boolean" if tables.version >= 170000 else ""}) '
               'from public')
    try:
        process = ask(relay, tables, '--resnapshot=public.t', '-U', role)
        assert process.code == Exit.AUTH, process.stderr
        assert 'permission denied' in process.stderr
        assert 'hint: ' in process.stderr
    finally:
        tables.sql(f'drop role {role}')


def test_standby(pair, relay):
    pg = pair.first
    pg.sql('create table t (a int primary key)')
    pair.copy()
    process = relay.run(*pg.on(pair.standby).args, '-S', 'any',
                        '--resnapshot=public.t')
    assert process.code == Exit.USAGE, process.stderr
    assert 'a standby writes none' in process.stderr
    assert 'Connect to the primary' in process.stderr
