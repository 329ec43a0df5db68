"""test_snapshot.py: the rows that tables have, and then the changes since.

What a sink holds is applied in its order and compared with the source: the
same rows, and without an interruption each of them once. Which of the two
output plugins the slot has makes no difference.

SNAPSHOT_KILLS (default 3) says how often it is killed; SNAPSHOT_ALL=1 runs the
long tests, too.
"""
import json
import os
import random
import re
import signal
import threading
import time

import pytest

import rig
from records import positions, read_json
from snapshot_rig import (PLUGINS, SHAPES, State, Writers, args, check_state,
                          drain, fill, halves, in_order, no_nulls, rows_of,
                          sink, write_again)
from test_network import Detour, proxy  # noqa: F401

ALL = 'SNAPSHOT_ALL' in os.environ
KILLS = int(os.environ.get('SNAPSHOT_KILLS', 3))


@pytest.fixture(params=PLUGINS)
def plugin(request):
    return request.param


# ---- all of it ----

def test_rows_and_changes(pg, relay, plugin, tmp_path):
    out = tmp_path / 'out.jsonl'
    pg.sql('create table a (id int primary key, v text)')
    pg.sql('create table b (id int primary key, v text)')
    pg.sql('create table empty (id int primary key)')
    pg.sql("insert into a select g, 'a' || g from generate_series(1, 12000) g")
    pg.sql("insert into b values (1, E'tab\\t back\\\\ line\\n end'), (2, null),"
           " (3, ''), (4, '\\N')")
    pg.publication()
    process = relay(*args(pg, plugin), '--sink', sink(out))
    process.wait_streaming()
    pg.sql("insert into a values (0, 'new')")
    pg.sql("update b set v = 'changed' where id = 2")
    pg.sql('delete from b where id = 4')
    pg.wait_confirmed()
    process.stop()
    records = read_json(out)
    state = State(records)
    assert state.reads == 12004
    assert no_nulls(state.tables['public.a']) == rows_of(
        pg, 'select * from a', 'id')
    assert no_nulls(state.tables['public.b']) == rows_of(
        pg, 'select * from b', 'id')
    assert [r['after'].get('v') for r in records
            if r['table'] == 'b' and r['op'] == 'read'] == [
                'tab\t back\\ line\n end', None, '', '\\N']
    # positions: unique and in order, those of rows before all others
    assert positions(records) == sorted(set(positions(records)))
    assert [r['op'] for r in records[-3:]] == ['insert', 'update', 'delete']

    # a second start reads nothing again
    pg.sql("insert into a values (-1, 'newer')")
    process = relay(*args(pg, plugin), '--sink', sink(out))
    process.wait_streaming()
    pg.wait_confirmed()
    process.stop()
    assert read_json(out)[len(records):] == [
        r for r in read_json(out) if r['key'] == {'id': -1}]


# ---- the same columns, the same values ----

def fields(message):
    """{number: [value]} of a protobuf message; numbers and bytes."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            value = varint()
        else:
            size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
            value = message[at:at + size]
            at += size
        found.setdefault(tag >> 3, []).append(value)
    return found


def read_protobuf(path):
    """[(op, table, row, fingerprint)]"""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        size, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        body = fields(data[at:at + size])
        at += size
        source = fields(body[15][0])
        found.append((body[1][0], source[3][0], body.get(3, [b''])[0],
                      source[10][0]))
    return found


def test_all_types(pg, relay, tmp_path):
    """A row that is read and the same row inserted are the same bytes."""
    types = rig.TOP / 'regress/equality/sql/types.sql'
    rig.psql(pg, types)
    pg.sql('create publication pub for all tables')
    paths = {name: tmp_path / name for name in ('json', 'pb', 'debezium')}
    process = relay(
        *args(pg), '--sink', 'j=' + sink(paths['json']),
        '--sink', 'p=' + sink(paths['pb'], format='protobuf'),
        '--sink', 'd=' + sink(paths['debezium'], format='debezium-json',
                              schemas_enable='off'))
    process.wait_streaming(60)
    write_again(pg)
    pg.wait_confirmed(timeout=120)
    process.stop()

    records = read_json(paths['json'])
    read, inserted = halves(
        [(r['op'], r['table'], r['key'], r['after']) for r in records
         if r['table'] != 'no_columns'],
        lambda r: r[0], 'read', 'insert')
    assert len(read) > 2000
    assert [r.replace("('read'", "('insert'", 1) for r in read] == inserted

    records = [r for r in read_protobuf(paths['pb']) if r[1] != b'no_columns']
    read, inserted = (sorted(r[1:] for r in records if r[0] == op)
                      for op in (5, 1))
    assert len(read) > 2000 and read == inserted

    records = [r for r in read_json(paths['debezium'])
               if r.get('op') in ('r', 'c')
               and r['source']['table'] != 'no_columns']
    read, inserted = (
        sorted(str((r['after'], r['source']['table']))
               for r in records if r['op'] == op) for op in 'rc')
    assert len(read) > 2000 and read == inserted
    assert {r['source']['snapshot'] for r in records if r['op'] == 'r'} == {
        'first', 'true', 'last_in_data_collection', 'last',
        'first_in_data_collection'}
    assert {r['source']['snapshot'] for r in records if r['op'] == 'c'} == {
        'false'}


@pytest.mark.parametrize('plugin, via_root', (
    ('pg_fanout', True), ('pgoutput', True), ('pg_fanout', False)))
def test_as_published(pg, relay, plugin, via_root, tmp_path):
    out = tmp_path / 'out.jsonl'
    pg.sql(SHAPES)
    pg.sql('create publication pub for table root, made, listed (id, a), '
           'filtered where (id > 10) with '
           f'(publish_via_partition_root = {via_root})')
    process = relay(*args(pg, plugin), '--sink', sink(out),
                    '--mask=*.root.note=truncate:1', '--column-exclude=*.made.v')
    process.wait_streaming()
    write_again(pg)
    pg.sql('create temp table again as select * from root; delete from root; '
           'insert into root select * from again')
    pg.wait_confirmed()
    process.stop()
    records = read_json(out)
    read, inserted = halves(
        [(r['op'], r['table'], r['key'], r['after']) for r in records
         if r['table'] != 'no_columns'],
        lambda r: r[0], 'read', 'insert')
    assert [r.replace("('read'", "('insert'", 1) for r in read] == inserted
    assert len(read) == 50 + 10 + 10 + 10
    assert {r['table'] for r in records} == {
        'made', 'listed', 'filtered'} | (
            {'root'} if via_root else {'eu', 'us'})
    if via_root:
        assert {r['after']['note'] for r in records
                if r['table'] == 'root' and r['op'] == 'read'} == {'n'}


def test_every_table(pg, relay, tmp_path):
    """Without a publication: what is permanent, generated columns too."""
    out = tmp_path / 'out.jsonl'
    pg.sql(SHAPES)
    pg.sql('create unlogged table unlogged (id int primary key); '
           'insert into unlogged values (1); '
           'create materialized view seen as select * from other')
    process = relay(*args(pg, publication=None), '--sink', sink(out),
                    '--table-exclude=*.other')
    process.wait_streaming()
    pg.sql('insert into made (id, v) values (11, 11)')
    pg.wait_confirmed()
    process.stop()
    records = read_json(out)
    assert {r['table'] for r in records} == {
        'eu', 'us', 'made', 'listed', 'filtered'}
    assert [r['after'] for r in records if r['table'] == 'made'] == [
        {'id': n, 'v': n, 'twice': 2 * n} for n in range(1, 12)]


@pytest.mark.parametrize('encoding', ('EUC_JP', 'SQL_ASCII'))
def test_encodings(postgres, pg, relay, plugin, encoding, tmp_path):
    """Text becomes UTF-8 as in the stream, what cannot as well."""
    out = tmp_path / 'out.jsonl'
    database = postgres.new_database(
        options=f"encoding '{encoding}' locale 'C' template template0")
    try:
        database.connection = database.connect(options='-c client_encoding='
                                               + encoding)
        database.connection.autocommit = True
        # user-defined characters of EUC_JP have no place in Unicode
        bad = 'f5a1' if encoding == 'EUC_JP' else 'ff80'
        database.sql('create table t (id int primary key, v text); '
                     "insert into t values (1, 'ascii'), (2, convert_from("
                     f"'\\xc6fcb0'::bytea || '\\xdc'::bytea, '{encoding}')), "
                     f"(3, convert_from('\\x41{bad}42'::bytea, "
                     f"'{encoding}')); create publication pub for all tables")
        process = relay(*args(database, plugin), '--sink', sink(out))
        process.wait_streaming()
        write_again(database)
        database.wait_confirmed()
        process.stop()
    finally:
        database.close()
    records = [(r['op'], r['after']) for r in read_json(out) if r['after']]
    assert [r for op, r in records if op == 'read'] == [
        r for op, r in records if op == 'insert']
    assert len(records) == 6


# ---- with others at work ----

def test_writers(pg, relay, plugin, tmp_path):
    """Transactions that are open when the slot is made, before and behind it:
    every row once."""
    out = tmp_path / 'out.jsonl'
    fill(pg)
    early = pg.connect(autocommit=False)
    late = pg.connect(autocommit=False)
    early.cursor().execute("insert into t0 values (-1, 'early')")
    late.cursor().execute('select 1')
    writers = Writers(pg).start()
    process = relay(*args(pg, plugin), '--snapshot-workers=3',
                    '--sink', sink(out))
    rig.wait_until(lambda: pg.slot_info(), what='slot')
    # the slot waits for it
    early.commit()
    process.wait_for('reading 2 tables')
    late.cursor().execute("insert into t0 values (-2, 'late')")
    time.sleep(0.3)
    late.commit()
    process.wait_streaming(60)
    time.sleep(0.5)
    writers.stop()
    pg.wait_confirmed()
    process.stop()
    state = check_state(pg, read_json(out), ('t0', 'parted'))
    assert state.reads > 16000
    assert state.tables['public.t0'][-1,]['v'] == 'early'
    assert state.tables['public.t0'][-2,]['v'] == 'late'


def test_slot_from_before(pg, relay, plugin, tmp_path):
    """A slot that was there, with changes in it: what the rows have already
    does not come again; other records do."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=2000)
    pg.create_slot(plugin=plugin)
    pg.sql("insert into t0 values (-1, 'before'); delete from t0 where id = 5")
    writers = Writers(pg, 4).start()
    process = relay(*args(pg, plugin), '--sink', sink(out))
    process.wait_streaming(60)
    writers.stop()
    pg.wait_confirmed()
    process.stop()
    records = read_json(out)
    check_state(pg, records, ('t0', 'parted'))
    assert [r['op'] for r in records if r['key'] == {'id': -1}] == ['read']
    assert not [r for r in records if r['key'] == {'id': 5}
                and r['table'] == 't0']


def test_added_sink(pg, relay, tmp_path):
    """A sink that is added later gets its rows; the others nothing twice."""
    one, two = tmp_path / 'one.jsonl', tmp_path / 'two.jsonl'
    fill(pg, rows=3000)
    process = relay(*args(pg), '--sink', 'one=' + sink(one))
    process.wait_streaming(60)
    pg.sql("insert into t0 values (-1, 'first')")
    pg.wait_confirmed()
    process.stop()
    writers = Writers(pg, 4).start()
    process = relay(*args(pg), '--sink', 'one=' + sink(one),
                    '--sink', 'two=' + sink(two))
    process.wait_streaming(60)
    writers.stop()
    pg.wait_confirmed()
    process.stop()
    check_state(pg, read_json(one), ('t0', 'parted'))
    check_state(pg, read_json(two), ('t0', 'parted'), exact=False)


# ---- interruptions ----

class SlowLink:
    """A way to the server on which no snapshot comes to its end, however fast
    the machine: after so many bytes nothing passes."""

    def __init__(self, pg, proxy):  # noqa: F811
        self.link = proxy(f'{pg.host}/.s.PGSQL.{pg.port}')
        self.link.slice = 4096
        self.detour = Detour(pg, self.link.port)
        self.env = self.detour.env
        self.heal, self.reset = self.link.heal, self.link.reset
        self.slot = pg.slot

    args = property(lambda self: self.detour.args)

    def allow(self, size):
        self.link.bandwidth = 200_000
        self.link.stall_after, self.link.stalled = size, False


@pytest.fixture
def slow(pg, proxy):  # noqa: F811
    return SlowLink(pg, proxy)


def kept(path):
    """How many bytes of a file its checkpoint has: they are not cut off."""
    path = path.with_name(path.name + '.checkpoint')
    return path.exists() and json.loads(path.read_text()).get('file_size', 0)


def test_kill_nine(pg, relay, slow, tmp_path):
    """Killed again and again: tables that were finished are kept, and in the
    end the sinks have what the source has."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    plugin = 'pgoutput'
    # more than what may pass before each kill
    fill(pg, tables=5, rows=12000 + 3000 * KILLS)
    writers = Writers(pg, 6).start()
    how = dict(binary=rig.PLAIN_BIN, env=slow.env)
    sinks = ['--sink', 'file=' + sink(out), '--sink',
             f'dir=dir://{lake}?flush_interval=50ms&checkpoint_interval=50ms']
    chance = random.Random(3)
    starts = set()
    for number in range(KILLS):
        slow.allow(chance.randrange(200_000, 300_000) if number else 600_000)
        process = relay(*args(slow, plugin), *sinks, **how)
        process.wait_for(r'snapshot at .*reading \d tables', 60)
        if not number:
            rig.wait_until(lambda: kept(out), 60, what='rows that are kept')
        time.sleep(chance.uniform(0, 0.5))
        process.kill()
        slow.reset()
        rig.wait_until(lambda: not pg.walsender(), 60,
                       what='slot to be free')
        starts.add(pg.slot_info()['confirmed_flush_lsn'])
    slow.heal()
    process = relay(*args(slow, plugin), *sinks, **how)
    process.wait_streaming(120)
    writers.stop()
    pg.wait_confirmed()
    process.stop()
    assert len(starts) == 1, 'the slot moved before the snapshot was durable'
    records = read_json(out)
    names = [f't{n}' for n in range(5)] + ['parted']
    assert positions(records) == sorted(set(positions(records)))
    check_state(pg, records, names, exact=False)
    attempts = {r['seq'] >> 32 for r in records if r['op'] == 'read'}
    assert len(attempts) > 1, 'no kill came in the middle'
    check_lake(pg, lake, names)


def check_lake(pg, lake, names):
    """Objects, too, hold every position once, and all of the rows."""
    from records import read_directory
    check_state(pg, in_order(read_directory(lake)), names, exact=False)


@pytest.mark.parametrize('plugin', PLUGINS if ALL else PLUGINS[1:])
def test_lost_connections(pg, relay, plugin, slow, tmp_path):
    """Connections that are lost in the middle: the same process goes on."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    fill(pg, tables=3, rows=12000)
    writers = Writers(pg, 3).start()
    slow.allow(150_000)
    process = relay(*args(slow, plugin), '--sink', sink(out), '--sink',
                    f'dir://{lake}?flush_interval=50ms', env=slow.env)
    seen = 0
    for _ in range(2):
        process.wait_for(r'snapshot at .*reading \d tables', 60, after=seen)
        time.sleep(0.2)
        seen = len(process.lines)
        pg.sql('select pg_terminate_backend(pid) from pg_stat_activity where '
               "application_name = 'pg_fanout' and datname = current_database()")
        slow.reset()            # what was under way does not arrive
        slow.allow(150_000)
        process.wait_for('lost connection|terminating connection', 60,
                         after=seen)
    slow.heal()
    process.wait_streaming(120)
    writers.stop()
    pg.wait_confirmed()
    process.stop()
    names = ('t0', 't1', 't2', 'parted')
    records = read_json(out)
    assert positions(records) == sorted(set(positions(records)))
    check_state(pg, records, names, exact=False)
    check_lake(pg, lake, names)


def test_kafka_and_s3(pg, relay, kafka, s3, slow, tmp_path):
    """Killed in the middle with sinks elsewhere: each ends with the source's
    rows, and where delivery is exactly once no position comes twice."""
    from records import parse_lines, read_bucket
    names = ('t0', 't1', 'parted')
    fill(pg, tables=2, rows=30000)
    writers = Writers(pg, 3).start()
    sinks = [f'exact={kafka.url}?delivery=exactly-once&prefix={pg.dbname}x'
             '&partitions=3', f'plain={kafka.url}?partitions=3',
             f'lake={s3.url("lake", flush_interval="200ms")}']
    sinks = [part for one in sinks
             for part in ('--sink', one + '&checkpoint_interval=50ms')]
    how = dict(binary=rig.PLAIN_BIN, env={**s3.env, **slow.env})
    for pause in (0.3, 0.8):
        slow.allow(600_000)
        process = relay(*args(slow, 'pgoutput'), *sinks, **how)
        process.wait_for(r'snapshot at .*reading \d tables', 60)
        time.sleep(pause)
        process.kill()
        slow.reset()
        rig.wait_until(lambda: not pg.walsender(), 60,
                       what='slot to be free')
    slow.heal()
    process = relay(*args(slow, 'pgoutput'), *sinks, **how)
    process.wait_streaming(120)
    writers.stop()
    pg.wait_confirmed(timeout=120)
    process.stop()

    def read(prefix):
        return [record for name in names for message in
                kafka.read(f'{prefix}.public.{name}') if message.value
                for record in parse_lines(message.value + b'\n', name)]

    exact = read(f'{pg.dbname}x')
    assert len(positions(exact)) == len(set(positions(exact)))
    check_state(pg, in_order(exact), names, exact=False)
    check_state(pg, in_order(read(pg.dbname)), names, exact=False)
    check_state(pg, in_order(read_bucket(s3, 'lake')), names, exact=False)


test_kafka_and_s3.__test__ = ALL


def test_no_right_to_read(pg, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    fill(pg, tables=3, rows=10)
    pg.sql('create role reader login replication; grant select on all tables '
           'in schema public to reader; revoke select on t2 from reader')
    look = [*args(pg), '-U', 'reader', '--start=off', '--check', '--sink',
            'null:']
    try:
        process = relay.run(*args(pg), '-U', 'reader', '--sink', sink(out))
        assert process.code == rig.Exit.AUTH, process.stderr
        assert 'GRANT SELECT ON TABLE' in process.stderr
        assert pg.slot_info() is None
        said = relay.run(*look).output.decode()
        assert re.search(r'FAIL +table (public\.)?t2: the role may not read',
                         said), said
        assert 'GRANT SELECT ON' in said
        pg.sql('grant select on t2 to reader; '
               'alter table t2 enable row level security')
        process = relay.run(*args(pg), '-U', 'reader', '--sink', sink(out))
        assert process.code == rig.Exit.AUTH, process.stderr
        assert 'BYPASSRLS' in process.stderr
        assert 'row security hides rows' in relay.run(*look).output.decode()
        pg.sql('alter table t2 disable row level security')
        assert 'a snapshot may read every table that is sent (4 tables)' in \
            relay.run(*look).output.decode()
    finally:
        pg.sql('drop owned by reader; drop role reader')


def test_stopped(pg, relay, slow, tmp_path):
    """A stop in the middle is a clean one."""
    out = tmp_path / 'out.jsonl'
    fill(pg, tables=2, rows=25000)
    slow.allow(400_000)
    process = relay(*args(slow), '--snapshot-workers=1', '--sink', sink(out),
                    env=slow.env)
    process.wait_for('reading 3 tables', 60)
    rig.wait_until(lambda: out.exists() and out.stat().st_size > 0,
                   timeout=60, what='first rows')
    process.stop()
    slow.reset()
    assert 'the snapshot is not finished' in process.stderr
    rig.wait_until(lambda: not pg.walsender(), 60, what='slot to be free')
    refused = relay.run(*args(pg, mode='never'), '--sink', sink(out))
    assert refused.code == rig.Exit.SNAPSHOT, refused.stderr
    process = relay(*args(pg), '--sink', sink(out))
    process.wait_streaming(60)
    process.stop()
    check_state(pg, read_json(out), ('t0', 't1', 'parted'), exact=False)


def test_slow_slot(pg, relay, tmp_path):
    """Who holds a slot's creation up is told; a stop leaves no slot."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=10)
    connection = pg.connect(autocommit=False)
    connection.cursor().execute("insert into t0 values (-1, 'open')")
    pid = connection.get_backend_pid()
    process = relay(*args(pg), '--sink', sink(out))
    process.wait_for(f'waits for process {pid}, ')
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    connection.rollback()
    connection.close()
    rig.wait_until(lambda: pg.slot_info() is None, what='no slot')


def test_hand_over_waits(pg, relay, tmp_path):
    """Nothing but durable rows moves the slot, however often it is told."""
    fill(pg, rows=100)
    lake = tmp_path / 'lake'
    process = relay(*args(pg), '--status-interval=1', '--progress-interval=1',
                    '--sink', f'dir=dir://{lake}?flush_interval=1h')
    process.wait_for('snapshot: 2 of 2 tables, 200 rows, 0.0 MB, 100 %, ')
    place = pg.slot_info()['confirmed_flush_lsn']
    replies = set()

    def told():
        pg.sql("insert into t0 select coalesce(min(id), 0) - 1, 'w' from t0")
        replies.add(pg.value('select reply_time from pg_stat_replication '
                             'where pid = %s', (pg.walsender(),)))
        return len(replies) > 3

    rig.wait_until(told, what='status messages')
    assert pg.slot_info()['confirmed_flush_lsn'] == place
    assert 'streaming from' not in process.stderr
    process.stop()
    process = relay(*args(pg), '--sink', f'dir=dir://{lake}?flush_interval=1s')
    process.wait_streaming()
    pg.wait_confirmed()
    process.stop()
    check_lake(pg, lake, ('t0', 'parted'))


def test_memory_is_flat(pg, relay, tmp_path):
    """Far more rows than memory, in several ranges of one table."""
    pg.sql('create table wide (id int primary key, v text); '
           'alter table wide alter v set storage plain; '
           "insert into wide select g, repeat('x', 3900) "
           'from generate_series(1, 13000) g')
    assert pg.value("select pg_relation_size('wide') / 8192") > 3 * 2048
    pg.publication()
    process = relay(*args(pg), '--snapshot-workers=3', '--sink',
                    sink(tmp_path / 'out.jsonl'), binary=rig.PLAIN_BIN)
    process.wait_streaming(60)
    status = open(f'/proc/{process.pid}/status').read()
    peak = int(status.split('VmHWM:')[1].split()[0])
    process.stop()
    assert sorted(r['key']['id'] for r in read_json(tmp_path / 'out.jsonl')
                  ) == list(range(1, 13001))
    assert peak < 40 * 1024, f'{peak} kB'


# ---- modes ----

def test_only(pg, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=100)
    process = relay.run(*args(pg, mode='only'), '--sink', sink(out))
    assert process.code == 0, process.stderr
    pg.sql("insert into t0 values (-1, 'later')")
    process = relay.run(*args(pg, mode='only'), '--sink', sink(out))
    assert process.code == 0, process.stderr
    assert len(read_json(out)) == 200
    process = relay(*args(pg, mode='never'), '--sink', sink(out))
    process.wait_streaming()
    pg.wait_confirmed()
    process.stop()
    check_state(pg, read_json(out), ('t0', 'parted'))


def test_lost_slot(pg, relay, tmp_path):
    """With initial a slot that is gone is refused, and none is left behind;
    when-needed reads the tables again."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=100)
    process = relay.run(*args(pg, mode='only'), '--sink', sink(out))
    assert process.code == 0, process.stderr
    pg.drop_slot()
    pg.sql("insert into t0 values (-1, 'missed'); "
           "update t0 set v = 'changed' where id = 1")
    process = relay.run(*args(pg), '--sink', sink(out))
    assert process.code == rig.Exit.SLOT_RECREATED, process.stderr
    assert pg.slot_info() is None
    process = relay(*args(pg, mode='when-needed'), '--sink', sink(out))
    process.wait_streaming()
    pg.sql("insert into t0 values (-2, 'since')")
    pg.wait_confirmed()
    process.stop()
    assert 'a new snapshot covers what is missing' in process.stderr
    check_state(pg, read_json(out), ('t0', 'parted'), exact=False)


def test_invalidated_slot(own_pg, relay, tmp_path):
    """The server has removed WAL that the slot needed: when-needed drops it
    and reads the tables again."""
    pg, out = own_pg, tmp_path / 'out.jsonl'
    fill(pg, rows=100)
    process = relay.run(*args(pg, mode='only'), '--sink', sink(out))
    assert process.code == 0, process.stderr
    pg.set_to('max_slot_wal_keep_size', '1MB')
    pg.set_to('max_wal_size', '32MB')
    for number in range(4):
        pg.sql("insert into t0 values (%s, 'missed')", (-number - 1,))
        pg.sql('select pg_switch_wal()')
    pg.sql('checkpoint')
    process = relay.run(*args(pg), '--sink', sink(out))
    assert process.code == rig.Exit.SLOT_INVALIDATED, process.stderr
    process = relay(*args(pg, mode='when-needed'), '--sink', sink(out))
    process.wait_streaming()
    pg.sql("insert into t0 values (-10, 'since')")
    pg.wait_confirmed()
    process.stop()
    assert 'it is dropped and created anew' in process.stderr
    check_state(pg, read_json(out), ('t0', 'parted'), exact=False)


def test_refusals(pg, relay, tmp_path):
    out = sink(tmp_path / 'out.jsonl')
    for mode in ('initial', 'always'):
        process = relay.run(*args(pg, mode=mode), '--startpos=0/10',
                            '--sink', out)
        assert process.code == rig.Exit.USAGE


@pytest.mark.parametrize('everything', (False, True))
def test_changed_publication(pg, relay, everything, tmp_path):
    """A table that is published while others are read is read, too; one that
    is new is not, since the stream brings its rows."""
    out, pipe = tmp_path / 'out.jsonl', tmp_path / 'pipe'
    fill(pg, rows=20000)
    pg.sql('create table late (id int primary key); '
           'insert into late select generate_series(1, 50)')
    if not everything:
        pg.sql('drop publication pub; create publication pub for table t0')
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    process = relay(*args(pg), '--sink', sink(out), '--sink', f'file:{pipe}')
    process.wait_for(r'snapshot at .*reading \d tables')
    if everything:
        pg.sql('create table young (id int primary key)')
        pg.sql('insert into young values (1)')
    else:
        pg.sql('alter publication pub add table late')
    os.set_blocking(end, True)
    threading.Thread(target=drain, args=(end,), daemon=True).start()
    process.wait_streaming(60)
    pg.wait_confirmed()
    process.stop()
    records = read_json(out)
    check_state(pg, records, ('t0', 'late'))
    assert ('the publication has changed' in process.stderr) != everything
    assert [r['op'] for r in records if r['table'] == 'young'] == (
        ['insert'] if everything else [])


def test_waiting_alter(pg, relay, tmp_path):
    """An ALTER TABLE that has to wait holds nobody up but itself."""
    out, pipe = tmp_path / 'out.jsonl', tmp_path / 'pipe'
    fill(pg, tables=3, rows=12000)
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    process = relay(*args(pg), '--snapshot-workers=3', '--sink', sink(out),
                    '--sink', f'file:{pipe}')
    process.wait_for(r'snapshot at .*reading 4 tables')
    altering = threading.Thread(target=pg.transaction, daemon=True, args=(
        'alter table t2 add column w int default 1',
        'alter table parted add column w int default 1'))
    altering.start()
    rig.wait_until(lambda: pg.value(
        "select count(*) from pg_locks where not granted and mode = "
        "'AccessExclusiveLock'") == 1, what='ALTER TABLE to wait')
    os.set_blocking(end, True)
    threading.Thread(target=drain, args=(end,), daemon=True).start()
    process.wait_streaming(60)
    altering.join(60)
    pg.sql('update t2 set w = 2 where id = 1')
    pg.wait_confirmed()
    process.stop()
    assert 'warning' not in process.stderr
    state = State(read_json(out))
    assert state.reads == 48000
    assert state.tables['public.t2'][1,]['w'] == 2
