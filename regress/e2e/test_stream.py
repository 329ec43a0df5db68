"""test_stream.py: transactions that the server sends while in progress.

Most tests read one database through three slots: by a relay that asks for
streaming, with a spool of a megabyte, by one that does not, and by one that
reads pgoutput's streams. What they write must be the same bytes, and what
PostgreSQL holds at the end.
"""
import os
import random
import resource
import signal
import threading
import time

import pytest

import rig
from records import read_json

SPOOL = ('--spool-memory=1MB',)


class Readers:
    """A relay with streaming, one without, one of pgoutput with streaming,
    each into a file."""

    NAMES = ['streamed', 'whole', 'pgoutput']
    STREAMED = [True, False, True]

    def __init__(self, pg, relay, top):
        self.pg, self.relay = pg, relay
        plugins = ['pg_fanout', 'pg_fanout', 'pgoutput']
        self.slots = [pg.create_slot(f'{pg.slot}_{name}', plugin)
                      for name, plugin in zip(self.NAMES, plugins)]
        self.files = [top / f'{name}.jsonl' for name in self.NAMES]
        self.spool = top / 'spool'
        streaming = (*SPOOL, f'--spool-directory={self.spool}')
        self.options = [streaming, ('--streaming=off',),
                        (*streaming, '-P', 'pgoutput')]
        self.processes = []

    def start(self, *more):
        self.processes = [
            self.relay.stream(self.pg, f'file:{file}?sync_interval=50ms',
                              slot=slot, options=(*options, *more))
            for slot, file, options
            in zip(self.slots, self.files, self.options)]
        return self

    def wait(self, timeout=60):
        for slot in self.slots:
            self.pg.wait_confirmed(slot=slot, timeout=timeout)

    def finish(self, timeout=60):
        """All at their end: the records, after comparing the bytes."""
        self.wait(timeout)
        for process in self.processes:
            process.stop()
        first, *others = (file.read_bytes() for file in self.files)
        for name, other in zip(self.NAMES[1:], others):
            assert first == other, f'{name} is different'
        assert not self.spool.exists()
        return read_json(self.files[0])

    def assert_streamed(self, least=1):
        """The server did send transactions in progress to those who asked."""
        def counts():
            return [self.pg.value('select stream_txns from '
                                  'pg_stat_replication_slots where '
                                  'slot_name = %s', (slot,))
                    for slot in self.slots]
        rig.wait_until(lambda: all(
            count >= least for count, streamed
            in zip(counts(), self.STREAMED) if streamed), what='streams')
        assert not any(count for count, streamed
                       in zip(counts(), self.STREAMED) if not streamed)


@pytest.fixture(params=['64kB', 'immediate'])
def readers(pg, relay, tmp_path, request):
    """Every change is streamed where the server can be told so (16+)."""
    pg.sql(f"alter database {pg.dbname} set logical_decoding_work_mem = "
           "'64kB'")
    if request.param == 'immediate':
        if pg.version < 160000:
            pytest.skip('PostgreSQL 16 and newer')
        pg.sql(f'alter database {pg.dbname} set '
               'debug_logical_replication_streaming = immediate')
    pg.sql('create table t (id bigint primary key, session int, v text)')
    pg.publication()
    readers = Readers(pg, relay, tmp_path)
    # pgoutput then repeats a description after every rolled back savepoint
    readers.many = 1500 if request.param == 'immediate' else 6000
    return readers


@pytest.fixture
def small(pg):
    """A database of which transactions are streamed early."""
    pg.sql(f"alter database {pg.dbname} set logical_decoding_work_mem = "
           "'64kB'")
    pg.sql('create table t (id bigint primary key, session int, v text)')
    pg.publication()
    return pg


def insert(first, count, session=0):
    return ("insert into t select g, %d, repeat(md5(g::text), 10) "
            "from generate_series(%d, %d) g"
            % (session, first, first + count - 1))


def ids(records):
    return [record['after']['id'] for record in records
            if record['op'] == 'insert']


def apply(records):
    """The table t as the records leave it."""
    rows = {}
    for record in records:
        if record['op'] == 'truncate':
            rows.clear()
        elif record['op'] == 'delete':
            del rows[record['before']['id']]
        elif record['op'] == 'update':
            rows.pop((record['before'] or record['after'])['id'])
            rows[record['after']['id']] = record['after']
        elif record['op'] == 'insert':
            assert record['after']['id'] not in rows
            rows[record['after']['id']] = record['after']
    return rows


def assert_is_table(pg, records):
    rows = {row[0]: dict(zip(('id', 'session', 'v'), row))
            for row in pg.rows('select id, session, v from t')}
    assert apply(records) == rows


def wait_lines(path, count, timeout=60):
    """Quicker than the confirmation of a server that has come to rest."""
    rig.wait_until(lambda: path.exists() and
                   path.read_bytes().count(b'\n') >= count, timeout, 0.2,
                   f'{count} records')


# ---- what comes through, and what does not ----

def test_streams_take_turns(readers):
    """STR-1: three at once, in pieces; one rolls back."""
    pg = readers.start().pg
    sessions = [pg.connect(autocommit=False) for _ in range(3)]
    for turn in range(6):
        for number, session in enumerate(sessions):
            session.cursor().execute(
                insert(number * 100000 + turn * 1000, 500, number))
    readers.assert_streamed(3)
    pg.sql('insert into t values (-1)')
    readers.wait()
    assert len(read_json(readers.files[0])) == 1
    sessions[2].commit()
    sessions[0].rollback()
    sessions[1].commit()
    records = readers.finish()
    assert [r['after']['session'] for r in records[1::500]] == [2] * 6 + [1] * 6
    assert len(records) == 6001
    assert_is_table(pg, records)


def test_aborted_savepoint(readers):
    """STR-2: only the savepoint's rows are void."""
    pg = readers.start().pg
    pg.transaction(insert(1, 500), 'savepoint a', insert(1001, 500),
                   'rollback to a', insert(2001, 5))
    records = readers.finish()
    readers.assert_streamed()
    assert ids(records) == [*range(1, 501), *range(2001, 2006)]
    assert [r['seq'] for r in records] == [*range(1, 506)]
    assert len({r['xid'] for r in records}) == 1


def test_nested_savepoints(readers):
    """STR-3: rollback to each of three levels, releases between."""
    pg = readers.start().pg
    for level in 'abc':
        start = 'abc'.index(level) * 100000
        pg.transaction(
            insert(start + 1, 300), 'savepoint a', insert(start + 1001, 300),
            'savepoint b', insert(start + 2001, 300), 'savepoint x',
            insert(start + 3001, 300), 'release x', 'savepoint c',
            insert(start + 4001, 300), f'rollback to {level}',
            insert(start + 5001, 300))
    records = readers.finish()
    readers.assert_streamed(3)
    assert len(records) == (2 + 3 + 5) * 300
    assert_is_table(pg, records)


def test_exceptions_in_a_loop(readers):
    """STR-4: a subtransaction per row, every third fails."""
    pg = readers.start().pg
    pg.sql(f"""
        do $$ begin
            for i in 1..{readers.many} loop
                begin
                    insert into t values (i, 0, repeat(md5(i::text), 5));
                    if i % 3 = 0 then raise exception 'no'; end if;
                exception when raise_exception then null;
                end;
            end loop;
        end $$""")
    records = readers.finish()
    readers.assert_streamed()
    assert ids(records) == [i for i in range(1, readers.many + 1) if i % 3]


def test_altered_and_rolled_back(readers):
    """STR-5: a description is the transaction's own."""
    pg = readers.start().pg
    pg.transaction(
        insert(1, 300), 'savepoint a', 'alter table t add extra int',
        "insert into t select g, 0, 'x', 7 from generate_series(1001, 1300) g",
        'rollback to a', insert(2001, 300),
        'alter table t drop column session, add other int',
        "insert into t select g, 'y', 5 from generate_series(3001, 3300) g")
    with pg.connect(autocommit=False) as session:
        cursor = session.cursor()
        cursor.execute('alter table t add lost int')
        cursor.execute("insert into t select g, 'z', 1, 2 from "
                       'generate_series(4001, 4600) g')
        session.rollback()
    pg.sql("insert into t values (5001, 'w', 6)")
    records = readers.finish()
    readers.assert_streamed()
    rows = [record['after'] for record in records]
    assert [row['id'] for row in rows] == [
        *range(1, 301), *range(2001, 2301), *range(3001, 3301), 5001]
    assert all('session' in row and 'extra' not in row for row in rows[:600])
    assert rows[600] == {'id': 3001, 'v': 'y', 'other': 5}
    assert rows[900] == {'id': 5001, 'v': 'w', 'other': 6}


def test_values_across_blocks(readers):
    """STR-6: large values, out of line and in line, and one not changed."""
    pg = readers.start().pg
    sizes = [8 << 10, 100 << 10, 1 << 20, 10 << 20, 50]
    pg.transaction(
        'alter table t alter v set storage external',
        *(f"insert into t values ({i}, 0, repeat('{i % 10}', {size}))"
          for i, size in enumerate(sizes * 3)),
        'update t set session = 1 where id % 5 < 3',
        'savepoint a',
        "insert into t select g, 0, repeat('x', 1000000) "
        'from generate_series(101, 110) g',
        'rollback to a')
    records = readers.finish()
    readers.assert_streamed()
    updates = [r for r in records if r['op'] == 'update']
    assert len(updates) == 9 and len(records) == 24
    assert all(r['unchanged'] == ['v'] for r in updates)
    assert [(len(r['after']['v']), set(r['after']['v']))
            for r in records[:15]] == [
        (size, {str(i % 10)}) for i, size in enumerate(sizes * 3)]


def test_messages_and_truncation(readers):
    """A message of no transaction does not wait for the one around it. One
    of a savepoint that is rolled back is void: pgoutput, which would send it
    in a stream, is asked for none."""
    readers.STREAMED = [True, False, False]
    pg = readers.start('-o', 'messages=on').pg
    session = pg.connect(autocommit=False)
    cursor = session.cursor()
    cursor.execute(insert(1, 500))
    cursor.execute("select pg_logical_emit_message(false, 'now', 'a')")
    cursor.execute("select pg_logical_emit_message(true, 'then', 'b')")
    cursor.execute('savepoint a')
    cursor.execute("select pg_logical_emit_message(true, 'never', 'c')")
    cursor.execute("select pg_logical_emit_message(false, 'still', 'd')")
    cursor.execute('truncate t')
    cursor.execute(insert(1001, 500))
    cursor.execute('rollback to a')
    cursor.execute('truncate t')
    cursor.execute(insert(2001, 500))
    rig.wait_until(lambda: readers.files[0].read_bytes().count(b'\n') == 2,
                   what='messages')
    session.commit()
    records = readers.finish()
    readers.assert_streamed()
    assert [r.get('prefix') for r in records[:2]] == ['now', 'still']
    assert records[502]['prefix'] == 'then'
    assert records[503]['op'] == 'truncate'
    assert len(records) == 2 + 500 + 1 + 1 + 500
    assert_is_table(pg, records)


def test_prepared_transactions(relay, own_prepared, tmp_path):
    """They come once, at COMMIT PREPARED."""
    pg = own_prepared
    readers = Readers(pg, relay, tmp_path).start()
    for name, first in (('kept', 1), ('lost', 10001)):
        session = pg.connect()
        session.cursor().execute('begin')
        session.cursor().execute(insert(first, 1000))
        session.cursor().execute(f"prepare transaction '{name}'")
        session.close()
    readers.assert_streamed(2)
    assert read_json(readers.files[0]) == []
    pg.sql("rollback prepared 'lost'")
    pg.sql("commit prepared 'kept'")
    for file in readers.files:
        wait_lines(file, 1000)
    assert ids(readers.finish()) == [*range(1, 1001)]


@pytest.fixture
def own_prepared():
    server = rig.Postgres(settings=['max_prepared_transactions=5',
                                    'logical_decoding_work_mem=64kB'])
    try:
        pg = server.start().new_database()
        pg.sql('create table t (id bigint primary key, session int, v text)')
        pg.publication()
        yield pg
    finally:
        server.close()


# ---- everything at random, several sessions at once ----

class Writer(threading.Thread):
    """Transactions of random statements, savepoints, releases, rollbacks."""

    def __init__(self, pg, number, transactions):
        super().__init__()
        self.pg, self.number, self.left = pg, number, transactions
        self.chance = random.Random(number)
        self.next = number * 10000000
        self.failure = None

    def run(self):
        try:
            with self.pg.connect(autocommit=False) as session:
                for _ in range(self.left):
                    self.transaction(session)
            session.close()
        except Exception as error:
            self.failure = error

    def transaction(self, session):
        cursor = session.cursor()
        depth = 0
        for _ in range(self.chance.choice([1, 3, 10, 40])):
            what = self.chance.random()
            if what < 0.2 and depth < 4:
                depth += 1
                cursor.execute(f'savepoint s{depth}')
            elif what < 0.35 and depth:
                level = self.chance.randint(1, depth)
                cursor.execute(f'rollback to s{level}')
                depth = level
            elif what < 0.42 and depth:
                cursor.execute(f'release s{depth}')
                depth -= 1
            else:
                self.statement(cursor)
        session.rollback() if self.chance.random() < 0.25 else session.commit()

    def statement(self, cursor):
        what = self.chance.random()
        if what < 0.6:
            count = self.chance.choice([1, 20, 200, 500])
            cursor.execute(insert(self.next, count, self.number))
            self.next += count
        elif what < 0.8:
            cursor.execute('update t set v = v || %s where session = %s and '
                           'id %% 7 = %s',
                           ('u', self.number, self.chance.randint(0, 6)))
        elif what < 0.9:
            cursor.execute('delete from t where session = %s and '
                           'id %% 11 = %s',
                           (self.number, self.chance.randint(0, 10)))
        else:
            # catalog changes: where an abort is noticed while decoding
            cursor.execute('create temp table if not exists w '
                           '(a int) on commit drop')
            cursor.execute('alter table w add column if not exists b int')


@pytest.mark.slow
def test_random_sessions(readers):
    pg = readers.start().pg
    writers = [Writer(pg, number, readers.many // 500)
               for number in range(1, 6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.failure is None, writer.failure
    records = readers.finish(120)
    readers.assert_streamed(10)
    assert len(records) > readers.many // 2
    assert_is_table(pg, records)


# ---- the connection, the server or the relay goes away ----

def test_connection_lost(small, relay, tmp_path):
    """In the middle of a stream, and of what it had in the spool."""
    readers = Readers(small, relay, tmp_path).start()
    session = small.connect(autocommit=False)
    for turn in range(4):
        session.cursor().execute(insert(turn * 10000, 3000))
        readers.assert_streamed(1)
        seen = len(readers.processes[0].lines)
        small.sql('select pg_terminate_backend(%s)',
                  (rig.wait_until(lambda: small.walsender(readers.slots[0])),))
        readers.processes[0].wait_streaming(after=seen)
    session.commit()
    records = readers.finish()
    assert len(records) == 12000
    assert_is_table(small, records)


def test_server_crashes(own_pg, relay, tmp_path):
    """STR-9: nobody tells the end of what was in progress."""
    pg = own_pg
    pg.sql(f"alter database {pg.dbname} set logical_decoding_work_mem = "
           "'64kB'")
    pg.sql('create table t (id bigint primary key, session int, v text)')
    pg.publication()
    readers = Readers(pg, relay, tmp_path).start()
    session = pg.connect(autocommit=False)
    session.cursor().execute(insert(1, 5000))
    readers.assert_streamed()
    pg.sql('insert into t values (-1)')
    readers.wait()
    seen = [len(process.lines) for process in readers.processes]
    pg.server.restart('immediate')
    for process, lines in zip(readers.processes, seen):
        process.wait_streaming(timeout=60, after=lines)
    pg.transaction(insert(1, 3000), 'savepoint a', insert(20001, 3000),
                   'rollback to a')
    records = readers.finish()
    assert ids(records) == [-1, *range(1, 3001)]


KILLS = int(os.environ.get('STREAM_KILLS', 8))


@pytest.mark.slow
def test_kill_nine(small, relay, tmp_path):
    """STR-7: killed anywhere in streams and replays, nothing is left behind
    and every row comes once."""
    pg, chance = small, random.Random(3)
    pg.create_slot()
    out, spool = tmp_path / 'out.jsonl', tmp_path / 'spool'

    def start():
        return relay.stream(
            pg, f'file:{out}?sync_interval=20ms&checkpoint_interval=20ms',
            f'dir://{tmp_path}/lake?flush_interval=100ms',
            options=(*SPOOL, f'--spool-directory={spool}'),
            binary=rig.PLAIN_BIN)
    writers = [Writer(pg, number, 40) for number in range(1, 4)]
    for writer in writers:
        writer.start()
    for _ in range(KILLS):
        process = start()
        time.sleep(chance.uniform(0, 0.8))
        assert process.running, process.stderr
        process.kill()
        assert list(spool.iterdir()) == []
        rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
    process = start()
    for writer in writers:
        writer.join()
        assert writer.failure is None, writer.failure
    pg.wait_confirmed(timeout=120)
    process.stop()
    records = read_json(out)
    positions = [(rig.lsn(r['lsn']), r['seq']) for r in records]
    assert positions == sorted(set(positions))
    assert_is_table(pg, records)


def test_stop_in_a_stream(small, relay, tmp_path):
    """SIGTERM does not wait for transactions of which nobody knows the end,
    and what was in them comes again."""
    pg = small
    pg.create_slot()
    out = tmp_path / 'out.jsonl'
    session = pg.connect(autocommit=False)
    process = relay.stream(pg, f'file:{out}', options=SPOOL)
    session.cursor().execute(insert(1, 20000))
    rig.wait_until(lambda: pg.value('select sum(stream_bytes) > 5000000 from '
                                    'pg_stat_replication_slots where '
                                    'slot_name = %s', (pg.slot,)))
    began = time.monotonic()
    process.stop()
    assert time.monotonic() - began < 5
    assert read_json(out) == []
    process = relay.stream(pg, f'file:{out}', options=SPOOL)
    session.commit()
    wait_lines(out, 20000)
    process.stop()
    assert ids(read_json(out)) == [*range(1, 20001)]


def test_connection_lost_in_a_replay(small, relay, tmp_path):
    """A sink takes nothing, the server closes the connection, the other sink
    has half of the transaction: it comes again, and each row stays one."""
    pg = small
    pg.create_slot()
    out = tmp_path / 'out.jsonl'
    reader, writer = os.pipe()
    process = relay.stream(pg, f'file:{out}?sync_interval=20ms',
                           'pipe=file:-', stdout=writer,
                           options=(*SPOOL, '--status-interval=1s'))
    os.close(writer)
    pg.sql(insert(1, 30000))
    rig.wait_until(lambda: out.exists() and out.stat().st_size > 50000,
                   what='replay')
    time.sleep(0.5)
    assert out.read_bytes().count(b'\n') < 30000
    pg.sql('select pg_terminate_backend(%s)', (pg.walsender(),))
    # noticed when the next status message is sent
    process.wait_streaming(after=len(process.lines))
    lines = 0
    while lines < 30000:
        data = os.read(reader, 1 << 20)
        assert data, process.stderr
        lines += data.count(b'\n')
    wait_lines(out, 30000)
    process.stop()
    os.close(reader)
    assert ids(read_json(out)) == [*range(1, 30001)]


def test_stop_in_a_replay(small, relay, tmp_path):
    """SIGTERM with a sink that takes nothing; then the rest, each row once."""
    pg = small
    pg.create_slot()
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    out = tmp_path / 'out.jsonl'
    sinks = [f'file:{out}?sync_interval=20ms', 'pipe=file:-']
    process = relay.stream(pg, *sinks, options=SPOOL, stdout=writer)
    os.close(writer)
    pg.sql(insert(1, 30000))
    rig.wait_until(lambda: out.exists() and out.stat().st_size > 100000,
                   what='replay')
    process.signal(signal.SIGTERM)
    code = process.wait(30)
    os.close(reader)
    # what the pipe did not take is told, and nothing was confirmed
    assert code in (rig.Exit.OK, rig.Exit.SINK_WRITE, rig.Exit.DISK), code
    process = relay.stream(pg, sinks[0], options=SPOOL)
    wait_lines(out, 30000)
    process.stop()
    assert ids(read_json(out)) == [*range(1, 30001)]


# ---- limits ----

def test_disk_limit(small, relay, tmp_path):
    pg = small
    pg.create_slot()
    options = (*SPOOL, f'--spool-directory={tmp_path}/spool')
    session = pg.connect(autocommit=False)
    process = relay.stream(pg, f'file:{tmp_path}/out', options=(
        *options, '--spool-limit=1MB'))
    session.cursor().execute(insert(1, 50000))
    assert process.wait() == rig.Exit.DISK
    assert 'spool-limit' in process.stderr
    assert '--streaming=off' in process.stderr
    # more room, and it goes on
    process = relay.stream(pg, f'file:{tmp_path}/out', options=options)
    session.commit()
    wait_lines(tmp_path / 'out', 50000)
    process.stop()
    assert len(read_json(tmp_path / 'out')) == 50000


def test_many_at_once(small, relay, tmp_path):
    """More files than a process may open at first."""
    pg, out = small, tmp_path / 'out.jsonl'
    pg.create_slot()
    process = relay.stream(
        pg, f'file:{out}', options=SPOOL,
        wrap=['bash', '-c', 'ulimit -Sn 40; exec "$@"', 'limit'])
    sessions = [pg.connect(autocommit=False) for _ in range(60)]
    for turn in range(2):
        for number, session in enumerate(sessions):
            session.cursor().execute(
                insert(number * 1000 + turn * 300, 300, number))
    pg.sql('insert into t values (-1)')
    wait_lines(out, 1)
    assert len(os.listdir(f'/proc/{process.pid}/fd')) > 60
    for number, session in enumerate(sessions):
        session.commit() if number % 2 else session.rollback()
        session.close()
    wait_lines(out, 1 + 30 * 600)
    process.stop()
    assert_is_table(pg, read_json(out))


def full_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def test_disk_full(small, relay, tmp_path):
    """Of the spool: a stop that says why; with room nothing is missing."""
    small.create_slot()
    sink = f'file:{tmp_path}/out.jsonl'
    process = relay.stream(
        small, sink, options=SPOOL, preexec_fn=full_disk,
        wrap=['bash', '-c', 'trap "" XFSZ; exec "$@"', 'limit'])
    session = small.connect(autocommit=False)
    session.cursor().execute(insert(1, 50000))
    assert process.wait() == rig.Exit.DISK
    assert 'cannot write to the spool' in process.stderr
    assert '--spool-directory' in process.stderr
    process = relay.stream(small, sink, options=SPOOL)
    session.commit()
    session.close()
    small.wait_confirmed()
    process.stop()
    assert_is_table(small, read_json(tmp_path / 'out.jsonl'))


def test_directory_open_to_others(pg, relay, tmp_path):
    pg.publication()
    pg.create_slot()
    place = tmp_path / 'open'
    place.mkdir(mode=0o755)
    for path, code, word in (
            (place, rig.Exit.SECRET_FILE, '0700'),
            (tmp_path / 'no' / 'where', rig.Exit.DISK, '--spool-directory')):
        process = relay.stream(pg, 'null:', wait=False, options=(
            f'--spool-directory={path}',))
        assert process.wait() == code
        assert word in process.stderr
    check = relay.run(*pg.args, '-S', pg.slot, '--check', '--sink', 'null:',
                      f'--spool-directory={place}')
    assert check.code == rig.Exit.SECRET_FILE
    assert 'open to others' in check.stderr + check.output.decode()
    # without streaming nobody looks at it
    relay.stream(pg, 'null:', options=(
        f'--spool-directory={place}', '--streaming=off')).stop()
