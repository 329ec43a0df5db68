"""test_pgoutput.py: the built-in output plugin, where ours cannot be installed.

Most tests read the same WAL through both plugins and compare what arrives:
what our own plugin sends is right by other tests.
"""
import random
import re
import time

import pytest

import rig
from manifest import read_manifest
from records import (Ledger, operations, parse_lines, read_bucket,
                     read_directory, read_json)

PGOUTPUT = ['-P', 'pgoutput']


@pytest.fixture
def both(pg, relay, tmp_path):
    """Two slots on one database, one for each plugin."""
    return Both(pg, relay, tmp_path)


class Both:
    def __init__(self, pg, relay, directory):
        self.pg, self.relay, self.directory = pg, relay, directory
        self.reads = 0

    def create(self, publication='create publication pub for all tables'):
        self.pg.sql(publication)
        self.pg.create_slot('ours_' + self.pg.slot)
        self.pg.create_slot('theirs_' + self.pg.slot, plugin='pgoutput')

    def read(self, plugin, *options, fmt='json', code=0, user=()):
        """Everything up to now through one plugin; bytes and the process."""
        self.reads += 1
        name = 'ours_' if plugin == 'pg_fanout' else 'theirs_'
        path = self.directory / f'{plugin}{self.reads}'
        process = self.relay.run(
            *self.pg.args, *user, '-S', name + self.pg.slot, '-P', plugin,
            '-o', 'publication_names=pub', '-o', 'messages=on', *options,
            '--start', '--endpos', rig.lsn_text(self.pg.wal_position()),
            '--sink', f'{fmt}{self.reads}=file:{path}?format={fmt}')
        assert process.code == code, process.stderr
        self.process = process
        return path.read_bytes() if path.exists() else b''

    def compare(self, *options, user=()):
        """Reads both; the records, which are equal."""
        ours, theirs = (
            parse_lines(self.read(plugin, *options, user=user), plugin)
            for plugin in ('pg_fanout', 'pgoutput'))
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs):
            assert their == our
        return ours


def test_every_sink_and_format(pg, relay, kafka, s3, tmp_path):
    pg.sql('create table item (id int primary key, name text, price numeric)')
    pg.publication(tables=['item'])
    pg.create_slot(plugin='pgoutput')
    sinks = [f'file=file:{tmp_path}/out.jsonl',
             f'typed=file:{tmp_path}/out.pb?format=protobuf',
             f'directory=dir://{tmp_path}/lake?flush_interval=200ms',
             f's3={s3.url("lake", flush_interval="200ms")}',
             f'kafka={kafka.url}?linger=1ms', 'null:']
    process = relay.stream(pg, *sinks, options=PGOUTPUT, env=s3.env)
    pg.sql("insert into item values (1, 'nut', 1.50), (2, null, 'NaN')")
    pg.sql('update item set id = 3 where id = 2')
    pg.sql('delete from item where id = 1')
    pg.sql('truncate item')
    pg.wait_confirmed()
    process.stop()
    records = read_json(tmp_path / 'out.jsonl')
    assert [r['op'] for r in records] == [
        'insert', 'insert', 'update', 'delete', 'truncate']
    assert records[0]['after'] == {'id': 1, 'name': 'nut', 'price': '1.50'}
    assert records[1]['after'] == {'id': 2, 'name': None, 'price': 'NaN'}
    assert records[2]['before'] == {'id': 2}
    assert records[3]['key'] == {'id': 1}
    assert (tmp_path / 'out.pb').stat().st_size > 100
    assert read_directory(tmp_path / 'lake') == records
    assert read_bucket(s3, 'lake') == records
    values = [r.value for r in kafka.read(f'{pg.dbname}.public.item')]
    assert [parse_lines(v + b'\n', 'kafka')[0] for v in values if v] == \
        records


def test_messages_and_origin(both):
    pg = both.pg
    pg.sql('create table t (id int primary key)')
    both.create()
    pg.sql("select pg_replication_origin_create('east_' || current_database())")
    pg.transaction(
        "select pg_replication_origin_session_setup('east_' || "
        'current_database())', 'insert into t values (1)',
        "select pg_logical_emit_message(true, 'p', 'in')")
    pg.sql('insert into t values (2)')
    pg.sql("select pg_logical_emit_message(false, 'p', 'out')")
    records = both.compare()
    assert [r.get('origin') for r in records] == [
        f'east_{pg.dbname}', f'east_{pg.dbname}', None, None]
    if pg.version >= 160000:
        pg.transaction(
            "select pg_replication_origin_session_setup('east_' || "
            'current_database())', 'insert into t values (3)')
        pg.sql('insert into t values (4)')
        assert operations(both.compare('-o', 'origin=none')) == [('insert', 4)]
    pg.sql("select pg_replication_origin_drop('east_' || current_database())")


HOSTILE = {
    'DateStyle': "'SQL, DMY'", 'IntervalStyle': 'iso_8601',
    'TimeZone': "'Asia/Kathmandu'", 'bytea_output': 'escape',
    'extra_float_digits': '-15', 'search_path': 'elsewhere',
    'quote_all_identifiers': 'on', 'xmlbinary': 'hex',
    'statement_timeout': "'20ms'", 'lock_timeout': "'1ms'",
    'idle_in_transaction_session_timeout': "'1ms'",
    'client_encoding': 'LATIN1', 'client_min_messages': 'error',
    'default_transaction_isolation': 'serializable',
}


def test_hostile_settings_change_nothing(both):
    pg = both.pg
    role = f'hostile_{pg.dbname}'
    pg.sql('create schema elsewhere')
    pg.sql('create table t (id int primary key, d date, ts timestamptz, '
           'i interval, b bytea, f float8, m money, r regclass, x xml, '
           'n text)')
    both.create()
    pg.sql(f'create role {role} login superuser')
    try:
        for place in (f'role {role}', f'database {pg.dbname}'):
            for name, value in HOSTILE.items():
                pg.sql(f'alter {place} set {name} = {value}')
        pg.sql("set statement_timeout = 0; insert into t values (1, "
               "'2024-01-31', '2024-01-31 12:00+00', '1 year 2 days 03:04:05'"
               r", '\x00ff', 0.1::float8 + 0.2::float8, '12.34', 't', "
               "'<a/>', 'zwölf €')")
        records = both.compare(user=['-U', role])
        assert records[0]['after'] == {
            'id': 1, 'd': '2024-01-31', 'ts': '2024-01-31T12:00:00Z',
            'i': 'P1Y2DT3H4M5S', 'b': 'AP8=', 'f': 0.30000000000000004,
            'm': '$12.34', 'r': 'public.t', 'x': '<a/>', 'n': 'zwölf €'}
    finally:
        pg.sql(f'drop owned by {role}')
        pg.sql(f'drop role {role}')


@pytest.mark.parametrize('encoding,text', [
    ('LATIN1', 'convert_from(\'\\xe4f6\', \'LATIN1\')'),
    ('EUC_JP', 'convert_from(\'\\xc6fccbdc\', \'EUC_JP\')'),
    ('SQL_ASCII', "E'a\\xc3\\xbc\\xff\\xe4b'"),
])
def test_other_encodings(postgres, relay, tmp_path, encoding, text):
    pg = postgres.new_database(options=(
        f"encoding '{encoding}' template template0 lc_collate 'C' "
        "lc_ctype 'C'"))
    try:
        both = Both(pg, relay, tmp_path)
        pg.sql('create table t (id int primary key, x text, a text[])')
        if encoding == 'SQL_ASCII':
            pg.sql("do $$ begin execute E'create table \"n\\xff\" "
                   "(id int primary key, \"c\\xe4\" text)'; end $$")
        both.create()
        pg.sql(f'insert into t select 1, {text}, array[{text}, null]')
        if encoding == 'SQL_ASCII':
            pg.sql("do $$ begin execute E'insert into \"n\\xff\" values "
                   "(1, \\'q\\')'; end $$")
        records = both.compare()
        assert records[0]['after']['x'] == {
            'LATIN1': 'äö', 'EUC_JP': '日本',
            'SQL_ASCII': 'aü\ufffd\ufffdb'}[encoding]
        if encoding == 'SQL_ASCII':
            assert records[1]['table'] == 'n\ufffd'
            assert records[1]['after'] == {'id': 1, 'c\ufffd': 'q'}
    finally:
        pg.close()


# ---- the catalog is ahead of the stream ----

def test_catalog_changed_while_in_the_backlog(both):
    """What its history proves is right; numbers are compared in protobuf."""
    pg = both.pg
    pg.sql('create table t (id int primary key, a text, b int, c text)')
    pg.sql('create table keyless (x int, y text)')
    pg.sql('alter table keyless replica identity full')
    both.create()
    pg.sql("insert into t values (1, 'a', 2, 'c')")
    pg.sql("insert into keyless values (1, 'y')")
    pg.sql('alter table t drop column a')
    pg.sql("insert into t values (2, 3, 'c')")
    pg.sql('alter table t rename column b to bb')
    pg.sql('alter table t alter c type varchar(10)')
    pg.sql("insert into t values (3, 4, 'c')")
    pg.sql('alter table t rename to t2')
    pg.sql('delete from t2 where id = 1')
    pg.sql('alter table keyless drop column x')
    pg.sql("update keyless set y = 'z'")
    ours = both.read('pg_fanout', fmt='protobuf')
    theirs = both.read('pgoutput', fmt='protobuf')
    assert len(ours) == len(theirs)
    assert not re.search('no longer in the catalog', both.process.stderr)


def test_what_cannot_be_known_is_not_guessed(both):
    pg = both.pg
    pg.sql('create table gone (id int primary key, a text)')
    pg.sql('create table again (id int primary key, a text)')
    both.create()
    pg.sql("insert into gone values (1, 'x')")
    pg.sql("insert into again values (1, 'old')")
    pg.sql('drop table gone')
    pg.sql('alter table again drop column a')
    pg.sql('alter table again add column a text')
    pg.sql("insert into again values (2, 'new')")
    # by name, all is as it was
    records = both.compare()
    assert [r['after'] for r in records] == [
        {'id': 1, 'a': 'x'}, {'id': 1, 'a': 'old'}, {'id': 2, 'a': 'new'}]
    assert [r['key'] for r in records] == [{'id': 1}, {'id': 1}, {'id': 2}]
    warnings = re.findall(r'column "(\w+)" is no longer', both.process.stderr)
    assert warnings == ['id', 'a', 'a']


def test_what_was_found_out_is_remembered(pg, relay, tmp_path):
    """Over a restart: rows from before a column was dropped and added again
    have the number it had then; so has a table that is gone."""
    pg.sql('create table again (id int primary key, a text)')
    pg.sql('create table gone (id int primary key, a text)')
    pg.sql('create publication pub for all tables')
    slots = {'pg_fanout': 'ours_' + pg.slot, 'pgoutput': 'theirs_' + pg.slot}
    for plugin, slot in slots.items():
        pg.create_slot(slot, plugin)

    def read(plugin):
        end = rig.lsn_text(pg.wal_position())
        path = tmp_path / plugin
        process = relay.run(
            *pg.args, '-S', slots[plugin], '-P', plugin, '-o',
            'publication_names=pub', '--start', '--endpos', end, '--sink',
            f'typed=file:{path}?format=protobuf')
        assert process.code == 0, process.stderr
        assert 'no longer in the catalog' not in process.stderr
        return path.read_bytes()

    pg.sql("insert into again values (1, 'x'); insert into gone values (1)")
    assert read('pg_fanout') == read('pgoutput')
    pg.sql("insert into again values (2, 'old')")
    pg.sql("insert into gone values (2, 'y')")
    pg.sql('drop table gone')
    pg.sql('alter table again drop column a')
    pg.sql('alter table again add column a text')
    pg.sql("insert into again values (3, 'new')")
    ours, theirs = read('pg_fanout'), read('pgoutput')
    # in descriptions of a table that is gone, all but its version is right
    assert len(theirs) == len(ours)
    assert (b'old' in theirs) and theirs.index(b'old') == ours.index(b'old')
    at = ours.index(b'old')
    assert theirs[at - 2:at] == ours[at - 2:at] == b'\x12\x03'
    at = ours.index(b'new')
    assert theirs[at - 2:at] == ours[at - 2:at] == b'\x1a\x03'


def test_lookups_survive_a_lost_connection(pg, relay, tmp_path):
    out = tmp_path / 'out'
    pg.sql('create table t0 (id int primary key)')
    pg.publication()
    pg.create_slot(plugin='pgoutput')
    process = relay.stream(pg, f'file:{out}?sync_interval=100ms',
                           options=PGOUTPUT)
    for n in range(4):
        pg.sql(f'insert into t{n} values ({n})')
        pg.wait_confirmed()
        assert pg.rows('select pg_terminate_backend(pid) from '
                       "pg_stat_activity where application_name = 'pg_fanout' "
                       "and backend_type = 'client backend' and datname = %s",
                       (pg.dbname,))
        pg.sql(f'create table t{n + 1} (id int primary key)')
    process.stop()
    assert [r['after']['id'] for r in read_json(out)] == [0, 1, 2, 3]


# ---- refused ----

def test_missing_publication(pg, relay):
    pg.create_slot(plugin='pgoutput')
    pg.publication('"Odd, name"')
    for names, code in [('nowhere', rig.Exit.PUBLICATION),
                        ('"Odd, name",nowhere', rig.Exit.PUBLICATION),
                        ('"Odd, name', rig.Exit.USAGE),
                        ('a,', rig.Exit.USAGE)]:
        process = relay.run(*pg.args, '-S', pg.slot, '--start', *PGOUTPUT,
                            '-o', f'publication_names={names}',
                            '--sink', 'null:')
        assert process.code == code, process.stderr
    assert 'hint' in process.stderr
    process = relay.stream(pg, 'null:', publication='"Odd, name"',
                           options=PGOUTPUT)
    process.stop()


def test_publication_younger_than_the_changes(pg, relay):
    """An error whatever the version: else rows would be left out silently."""
    pg.sql('create table t (id int primary key)')
    pg.create_slot(plugin='pgoutput')
    pg.sql('insert into t values (1)')
    pg.publication()
    process = relay.run(*pg.args, '-S', pg.slot, '--start', *PGOUTPUT,
                        '-o', 'publication_names=pub', '--sink', 'null:')
    assert process.code == rig.Exit.PUBLICATION, process.stderr
    assert '"pub"' in process.stderr and 'before the slot' in process.stderr


def test_other_plugins_slots_and_options(pg, relay):
    pg.publication()
    pg.create_slot(plugin='test_decoding')
    start = [*pg.args, '-S', pg.slot, '--start', '--sink', 'null:']
    named = ['-o', 'publication_names=pub']
    for options, code, says in [
            ([*PGOUTPUT, *named], rig.Exit.SLOT_UNUSABLE, 'test_decoding'),
            (['-P', 'wal2json', *named], rig.Exit.USAGE, 'wal2json'),
            (PGOUTPUT, rig.Exit.USAGE, 'publication_names'),
            ([*PGOUTPUT, *named, '-o', 'binary=on'], rig.Exit.USAGE,
             'binary')]:
        process = relay.run(*start, *options)
        assert process.code == code, process.stderr
        assert says in process.stderr


# ---- under fire ----

@pytest.mark.slow
def test_kill_nine(pg, relay, tmp_path):
    ledger = Ledger(pg, writers=4, tally=True)
    pg.create_slot(plugin='pgoutput')
    sinks = [f'file=file:{tmp_path}/out.jsonl?sync_interval=100ms'
             '&checkpoint_interval=100ms',
             f'directory=dir://{tmp_path}/lake?flush_interval=200ms'
             '&checkpoint_interval=100ms']
    how = dict(options=PGOUTPUT, binary=rig.PLAIN_BIN)
    chance = random.Random(3)
    ledger.start()
    for _ in range(12):
        process = relay.stream(pg, *sinks, **how)
        time.sleep(chance.uniform(0, 0.7))
        assert process.running, process.stderr
        process.kill()
        rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
    process = relay.stream(pg, *sinks, **how)
    ledger.stop()
    pg.wait_confirmed()
    process.stop()
    ledger.compare(read_json(tmp_path / 'out.jsonl'), 'file',
                   exactly_once=True)
    ledger.compare(read_manifest(tmp_path / 'lake'), 'directory',
                   exactly_once=True)
