"""test_spool.py: outages of sinks, with a spool that takes what they miss.

While one sink is away the others get everything, the slot goes on, and what
was missed comes in order when the sink is back, whatever happened to the relay
meanwhile. Where the spool cannot give that, it says so and stops.
"""
import json
import os
import random
import signal
import struct
import time

import pytest

import rig
from records import Ledger, read_bucket, read_directory, read_json
from test_exactly_once import EXACT, compare, own_kafka  # noqa: F401

QUICK = 'checkpoint_interval=100ms'


def file_sink(tmp_path, name='file'):
    return (f'{name}=file:{tmp_path}/{name}.jsonl?sync_interval=100ms&{QUICK}')


def s3_sink(s3):
    return 's3=' + s3.url('lake', flush_interval='200ms',
                          connect_timeout='1s', checkpoint_interval='100ms')


def start_s3(s3):
    s3.server.rig('start', s3.endpoint.rsplit(':', 1)[1])


def segments(directory):
    return sorted(directory.glob('*.backlog'))


def spool_size(directory):
    return sum(path.stat().st_size for path in segments(directory))


def wait_bucket(s3, numbers):
    """Waits until the bucket has the rows: what is confirmed may be in the
    spool alone, and a stop does not wait long for the sinks."""
    numbers = list(numbers)
    rig.wait_until(lambda: keys(read_bucket(s3, 'lake')) == numbers,
                   timeout=120, interval=0.2, what='all rows in S3')


def wait_file(path, count):
    """The same for a file."""
    rig.wait_until(lambda: path.exists()
                   and path.read_bytes().count(b'\n') >= count,
                   timeout=120, what=f'all rows in {path.name}')


# ---- the files, taken apart by hand ----

def lz4_unpack(data):
    """An LZ4 block."""
    out, at = bytearray(), 0
    while at < len(data):
        token, at = data[at], at + 1
        size = token >> 4
        if size == 15:
            while True:
                size, at = size + data[at], at + 1
                if data[at - 1] != 255:
                    break
        out += data[at:at + size]
        at += size
        if at == len(data):
            break
        distance, at = struct.unpack_from('<H', data, at)[0], at + 2
        size = token & 15
        if size == 15:
            while True:
                size, at = size + data[at], at + 1
                if data[at - 1] != 255:
                    break
        for _ in range(size + 4):
            out.append(out[-distance])
    return bytes(out)


def unpack_segment(path):
    data, at, out = path.read_bytes(), 0, b''
    while at < len(data):
        magic, size, stored, _, _ = struct.unpack_from('<5I', data, at)
        assert magic == 0x42464750, f'{path} at {at}'
        block = data[at + 20:at + 20 + stored]
        out += block if stored == size else lz4_unpack(block)
        at += 20 + stored
    return out


# ---- an outage ----

@pytest.fixture
def table(pg):
    pg.sql('create table t (a int primary key, b text)')
    pg.publication()
    pg.create_slot()
    return pg


def insert(pg, first, count, size=10):
    """A transaction for each row."""
    pg.sql(f"""do $$ begin for i in {first}..{first + count - 1} loop
               insert into t values (i, left(repeat(md5(i::text),
                   {size // 32 + 1}), {size})); commit;
               end loop; end $$""")


def keys(records):
    return [record['key']['a'] for record in records]


# SPOOL_PLUGINS=pg_fanout,pgoutput tries both; notes make pgoutput the harder
PLUGINS = os.environ.get('SPOOL_PLUGINS', 'pgoutput').split(',')


@pytest.mark.slow
@pytest.mark.parametrize('plugin', PLUGINS)
def test_outage(pg, relay, s3, tmp_path, plugin):
    """S3 away, the relay killed twice meanwhile; then all of it comes."""
    ledger = Ledger(pg, writers=3, tally=True)
    pg.create_slot(plugin=plugin)
    sinks = [file_sink(tmp_path), s3_sink(s3)]
    log = tmp_path / 'spool'
    how = dict(env=s3.env, options=[*rig.spool(log), '-P', plugin],
               binary=rig.PLAIN_BIN)
    process = relay.stream(pg, *sinks, **how)
    ledger.start()
    # until it has a checkpoint, a new sink holds the slot
    rig.wait_until(lambda: pg.value('select count(*) from ledger'),
                   what='first rows')
    pg.wait_confirmed()
    s3.server.stop()
    try:
        time.sleep(0.5)
        # the slot goes on without it
        pg.wait_confirmed()
        seen = pg.confirmed()
        process.kill()
        process = relay.stream(pg, *sinks, **how)
        process.wait_for('sink s3: is tried again')
        time.sleep(0.5)
        pg.wait_confirmed()
        assert pg.confirmed() > seen
        process.kill()
    finally:
        start_s3(s3)
    process = relay.stream(pg, *sinks, **how)
    time.sleep(0.5)
    ledger.stop()
    end = pg.wait_confirmed()
    ledger.wait(lambda: [dict(record, _partition=record['table'])
                 for record in read_bucket(s3, 'lake')], 's3')
    ledger.wait(lambda: read_json(tmp_path / 'file.jsonl'), 'file',
                exactly_once=True)
    process.stop()
    assert 'stays in the spool' not in process.stderr
    assert pg.confirmed() >= end
    ledger.compare(read_json(tmp_path / 'file.jsonl'), 'file',
                   exactly_once=True)
    ledger.compare([dict(record, _partition=record['table'])
                    for record in read_bucket(s3, 'lake')], 's3')


@pytest.mark.slow
@pytest.mark.skipif('SPOOL_KAFKA' not in os.environ,
                    reason='SPOOL_KAFKA=1: a broker away, for two minutes')
def test_broker_away(pg, relay, own_kafka, tmp_path):  # noqa: F811
    """Killed, away at a start, frozen until the producer is fenced: exact."""
    ledger = Ledger(pg, writers=3, tally=True)
    ledger.pauses = [0.01, 0.05]
    pg.create_slot()
    sinks = [file_sink(tmp_path),
             f'kafka={own_kafka.url}?{EXACT}&transaction_interval=20ms'
             '&transaction_timeout=3s']
    how = dict(options=rig.spool(tmp_path / 'spool'))
    process = relay.stream(pg, *sinks, **how)
    ledger.start()
    rig.wait_until(lambda: own_kafka.read(f'__pg_fanout.{pg.slot}.kafka'),
                   what='progress')
    os.kill(own_kafka.pid, 9)
    time.sleep(4)
    pg.wait_confirmed()
    process.kill()
    process = relay.stream(pg, *sinks, **how)
    process.wait_for('sink kafka: is tried again', timeout=60)
    pg.wait_confirmed()
    own_kafka.start()
    process.wait_for('sink kafka: is there again', timeout=120)
    time.sleep(2)
    own_kafka.pause()
    time.sleep(8)
    pg.wait_confirmed()
    own_kafka.resume()
    ledger.stop()
    for _ in range(20):
        pg.wait_confirmed()
        process.stop()
        if 'stays in the spool' not in process.stderr:
            break
        process = relay.stream(pg, *sinks, **how)
    compare(ledger, pg, own_kafka)
    ledger.compare(read_json(tmp_path / 'file.jsonl'), 'file',
                   exactly_once=True)


def test_away_at_the_start_and_back(table, relay, tmp_path):
    """A file sink that is behind, and then not there, misses nothing."""
    pg, options = table, rig.spool(tmp_path / 'spool')
    home, away = tmp_path / 'home', tmp_path / 'away'
    home.mkdir()
    two = f'two=file:{home}/two.jsonl?sync_interval='
    sinks = [file_sink(tmp_path, 'one'), two + '100ms']
    process = relay.stream(pg, *sinks, options=options)
    insert(pg, 1, 5)
    pg.wait_confirmed()
    process.stop()
    sinks[1] = two + '1h&checkpoint_interval=1h'
    process = relay.stream(pg, *sinks, options=options)
    insert(pg, 6, 5)
    pg.wait_confirmed()     # in the spool, and not synced in the file
    process.kill()
    home.rename(away)
    process = relay.stream(pg, *sinks, options=options)
    process.wait_for('sink two: is tried again')
    insert(pg, 11, 5)
    pg.wait_confirmed()
    wait_file(tmp_path / 'one.jsonl', 15)
    away.rename(home)
    process.wait_for('sink two: is there again', timeout=60)
    wait_file(home / 'two.jsonl', 15)
    process.stop()
    for name in (tmp_path / 'one.jsonl', home / 'two.jsonl'):
        assert keys(read_json(name)) == list(range(1, 16))


def test_stop_leaves_the_rest_confirmed(table, relay, s3, tmp_path):
    """SIGTERM with a dead sink: soon, clean, and the slot at the end."""
    pg, log = table, tmp_path / 'spool'
    sinks = [file_sink(tmp_path), s3_sink(s3)]
    how = dict(env=s3.env, options=rig.spool(log))
    process = relay.stream(pg, *sinks, **how)
    insert(pg, 1, 5)
    wait_bucket(s3, range(1, 6))
    pg.wait_confirmed()
    s3.server.pause()
    try:
        insert(pg, 6, 500)
        end = pg.wal_position()
        wait_file(tmp_path / 'file.jsonl', 505)
        began = time.monotonic()
        process.stop()
        assert time.monotonic() - began < 50
        process.wait_for('sink s3: has everything up to')
        assert pg.confirmed() >= end - 1000
        at_stop = pg.confirmed()
    finally:
        s3.server.resume()
    # without the spool that would be a gap
    process = relay.run(*pg.args, '-S', pg.slot, '--start', '-o',
                        'publication_names=pub', '--sink', sinks[0],
                        '--sink', sinks[1], env=s3.env)
    # which of the two depends on how far the slot's WAL has moved, too
    assert process.code in (rig.Exit.CHECKPOINT, rig.Exit.SLOT_RECREATED)
    assert 'spool' in process.stderr
    process = relay.stream(pg, *sinks, **how)
    wait_bucket(s3, range(1, 506))
    process.stop()
    assert pg.confirmed() >= at_stop
    assert keys(read_bucket(s3, 'lake')) == list(range(1, 506))
    assert keys(read_json(tmp_path / 'file.jsonl')) == list(range(1, 506))


def make_backlog(pg, relay, s3, tmp_path, *more, rows=50, options=()):
    """A spool with rows that S3 has not got; the relay is killed."""
    log = tmp_path / 'spool'
    sinks = [file_sink(tmp_path), s3_sink(s3)]
    how = dict(env=s3.env, options=[*rig.spool(log), *options])
    process = relay.stream(pg, *sinks, **how)
    pg.sql("insert into t values (0, 'first')")
    pg.wait_confirmed()
    s3.server.stop()
    try:
        insert(pg, 1, rows)
        for statement in more:
            pg.sql(statement)
        pg.wait_confirmed()
        process.kill()
    finally:
        start_s3(s3)
    return log, sinks, how


def run_again(pg, relay, sinks, how, *more):
    args = [*pg.args, '-S', pg.slot, '--start', '-o', 'publication_names=pub']
    for sink in sinks:
        args += ['--sink', sink]
    return relay.run(*args, *how['options'], *more, env=how['env'])


def test_no_gap_where_the_spool_is_not(table, relay, s3, tmp_path):
    """Removed by hand, of another slot, damaged: refused each time."""
    pg = table
    log, sinks, how = make_backlog(pg, relay, s3, tmp_path)
    confirmed = pg.confirmed()
    kept = {path: path.read_bytes() for path in segments(log)}

    for path in kept:
        path.unlink()
    process = run_again(pg, relay, sinks, how)
    assert process.code == rig.Exit.CHECKPOINT, process.stderr
    assert 'ahead of sink "s3"' in process.stderr

    # what was acknowledged is cut off
    for path, data in kept.items():
        path.write_bytes(data[:len(data) // 2])
        path.chmod(0o600)
    process = run_again(pg, relay, sinks, how)
    assert process.code == rig.Exit.CHECKPOINT, process.stderr
    assert segments(log), 'thrown away before it was known to be of no use'

    for path, data in kept.items():
        path.write_bytes(data)
    other = pg.create_slot(f'{pg.slot}_other')
    process = relay.run(*pg.args, '-S', other, '--start', '--sink', 'null:',
                        *how['options'])
    assert process.code == rig.Exit.SPOOL, process.stderr
    assert 'another slot' in process.stderr

    process = relay.stream(pg, *sinks, **how)
    wait_bucket(s3, range(51))
    process.stop()
    assert pg.confirmed() >= confirmed
    assert keys(read_bucket(s3, 'lake')) == list(range(51))


def test_masked_values_are_not_on_disk(table, relay, s3, tmp_path):
    pg = table
    log, sinks, how = make_backlog(
        pg, relay, s3, tmp_path,
        "insert into t values (1000, 'zqxj7 secret')",
        "update t set b = 'open sesame' where a = 1000",
        options=['--mask', 'public.t.b=truncate:4'])
    data = b''.join(unpack_segment(path) for path in segments(log))
    assert b'zqxj' in data and b'open' in data
    assert b'zqxj7' not in data and b'sesame' not in data
    for path in [log, *segments(log)]:
        assert path.stat().st_mode & 0o077 == 0
    process = relay.stream(pg, *sinks, **how)
    rig.wait_until(lambda: read_bucket(s3, 'lake')[-1]['op'] == 'update',
                   timeout=120, what='all rows in S3')
    process.stop()
    assert read_bucket(s3, 'lake')[-1]['after']['b'] == 'open'


def test_formats_know_tables_from_the_spool(table, relay, s3, tmp_path):
    """What descriptions leave out and typed formats need is kept, too."""
    pg, log = table, tmp_path / 'spool'
    pg.sql("alter table t add c int default 7, add d money default '1.5'")
    sinks = [file_sink(tmp_path), s3_sink(s3) + '&format=debezium-json',
             's3b=' + s3_sink(s3)[3:].replace('lake', 'typed')
             + '&format=protobuf']
    how = dict(env=s3.env, options=rig.spool(log))
    process = relay.stream(pg, *sinks, **how)
    pg.sql('insert into t values (0)')
    pg.wait_confirmed()
    s3.server.stop()
    try:
        insert(pg, 1, 5)
        pg.sql('truncate t')
        pg.sql('alter table t drop column b')
        pg.sql('insert into t values (6)')
        pg.wait_confirmed()
        process.kill()
        process = relay.stream(pg, *sinks, **how)
        process.wait_for('sink s3b: is tried again')
    finally:
        start_s3(s3)
    process.wait_for('sink s3b: is there again', timeout=60)
    process.wait_for('sink s3: is there again', timeout=60)
    rig.wait_until(lambda: len(read_bucket(s3, 'lake')) >= 7
                   and s3.keys('typed'), timeout=120, what='all rows in S3')
    process.stop()
    records = read_bucket(s3, 'lake')
    rows = [record['payload'] for record in records]
    assert [row['after']['a'] for row in rows] == [0, 1, 2, 3, 4, 5, 6]
    assert 'b' in rows[5]['after'] and 'b' not in rows[6]['after']
    fields = {field['field']: field for field in
              records[6]['schema']['fields'][1]['fields']}
    assert fields['c']['default'] == 7
    assert s3.keys('typed')


# SPOOL_FULL=wait,stop tries both; stop is tested in test_relay_backlog.c, too
FULL = os.environ.get('SPOOL_FULL', 'wait').split(',')


@pytest.mark.slow
@pytest.mark.parametrize('full', FULL)
def test_limit(table, relay, s3, tmp_path, full):
    pg, log = table, tmp_path / 'spool'
    sinks = [file_sink(tmp_path), s3_sink(s3)]
    options = rig.spool(log, limit='1MB', full=full)
    how = dict(env=s3.env, options=options)
    process = relay.stream(pg, *sinks, **how)
    pg.sql("insert into t values (0, 'first')")
    pg.wait_confirmed()
    s3.server.pause()
    try:
        pg.sql('''insert into t select g, string_agg(md5(g::text || h), '')
                  from generate_series(1, 60) g, generate_series(1, 2000) h
                  group by g order by g''')    # larger than the limit: let through
        pg.sql("insert into t values (61, 'behind it')")
        if full == 'stop':
            assert process.wait() == rig.Exit.SPOOL_FULL
            process.wait_for('the spool has [0-9]+ bytes')
        else:
            process.wait_for('the spool has [0-9]+ bytes')
            process.wait_for('nothing more is read')
            # status messages go on, and what is in it is confirmed
            size = spool_size(log)
            pg.sql("insert into t values (62, 'behind that')")
            time.sleep(1)
            assert process.running and spool_size(log) <= size + 4096
            assert pg.confirmed() < pg.wal_position()
    finally:
        s3.server.resume()
    if full == 'stop':
        process = relay.stream(pg, *sinks, **how)
    count = 62 if full == 'stop' else 63
    wait_bucket(s3, range(count))
    wait_file(tmp_path / 'file.jsonl', count)
    process.stop()
    assert keys(read_bucket(s3, 'lake')) == list(range(count))
    assert keys(read_json(tmp_path / 'file.jsonl')) == list(range(count))


def test_full_disk_waits(table, relay, tmp_path):
    """Files may not grow: as if the disk were full, until they may."""
    import resource
    pg, log = table, tmp_path / 'spool'
    process = relay.stream(pg, 'null:', options=rig.spool(log))
    pg.sql("insert into t values (0, 'first')")
    pg.wait_confirmed()
    limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE,
                     (300_000, limits[1]))
    insert(pg, 1, 100, size=20_000)
    pg.sql('''insert into t select g, string_agg(md5(g::text || h), '')
              from generate_series(101, 160) g, generate_series(1, 2000) h
              group by g order by g''')
    process.wait_for('cannot write to the spool')
    process.wait_for('nothing more is read')
    assert pg.confirmed() < pg.wal_position()
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
    pg.wait_confirmed()
    process.wait_for('the spool has room again')
    process.stop()


def test_server_stops_with_a_dead_sink(own_pg, relay, s3, tmp_path):
    pg = own_pg
    pg.sql('create table t (a int primary key, b text)')
    pg.publication()
    pg.create_slot()
    process = relay.stream(pg, file_sink(tmp_path), s3_sink(s3), env=s3.env,
                           options=rig.spool(tmp_path / 'spool'))
    insert(pg, 1, 5)
    pg.wait_confirmed()
    s3.server.pause()
    try:
        insert(pg, 6, 5)
        began = time.monotonic()
        pg.server.stop('fast')
        assert time.monotonic() - began < 30
        seen = len(process.lines)
        pg.server.start()
        process.wait_streaming(timeout=60, after=seen)
        insert(pg, 11, 5)
        pg.wait_confirmed()
    finally:
        s3.server.resume()
    wait_bucket(s3, range(1, 16))
    wait_file(tmp_path / 'file.jsonl', 15)
    process.stop()
    assert keys(read_json(tmp_path / 'file.jsonl')) == list(range(1, 16))


@pytest.mark.slow
def test_kill_nine_with_a_spool(pg, relay, tmp_path):
    """kill -9 under writers."""
    ledger = Ledger(pg, writers=4, tally=True)
    pg.create_slot()
    lake = tmp_path / 'lake'
    sinks = [file_sink(tmp_path, 'one'),
             f'two=dir://{lake}?flush_interval=200ms&{QUICK}']
    how = dict(binary=rig.PLAIN_BIN, options=rig.spool(tmp_path / 'spool'))
    chance = random.Random(3)
    ledger.start()
    confirmed = [pg.confirmed()]
    for _ in range(int(os.environ.get('KILLS', 50)) // 4):
        process = relay.stream(pg, *sinks, **how)
        time.sleep(chance.uniform(0, 0.7))
        assert process.running, process.stderr
        process.kill()
        rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
        confirmed.append(pg.confirmed())
    assert confirmed == sorted(confirmed) and confirmed[-1] > confirmed[0]
    process = relay.stream(pg, *sinks, **how)
    ledger.stop()
    pg.wait_confirmed(timeout=120)
    ledger.wait(lambda: read_json(tmp_path / 'one.jsonl'), 'one',
                exactly_once=True)
    ledger.wait(lambda: [dict(record, _partition=record['table'])
                 for record in read_directory(lake)], 'two')
    process.stop()
    ledger.compare(read_json(tmp_path / 'one.jsonl'), 'one',
                   exactly_once=True)
    ledger.compare([dict(record, _partition=record['table'])
                    for record in read_directory(lake)], 'two')


def test_progress_tells_of_each_sink(table, relay, tmp_path):
    process = relay.stream(table, file_sink(tmp_path, 'one'), 'null:',
                           options=[*rig.spool(tmp_path / 'spool'),
                                    '--progress-interval', '1s'])
    insert(table, 1, 10)
    process.wait_for(r'\| spool: .*\| one: 10.*\| null: 10')
    process.signal(signal.SIGHUP)
    process.stop()


def test_snapshot(pg, relay, tmp_path):
    """Rows of a snapshot go through the log with their place in it."""
    pg.sql('create table t (a int primary key, b text)')
    pg.sql("insert into t values (1, 'a'), (2, 'b'), (3, 'c')")
    pg.publication()
    out = tmp_path / 'out.jsonl'
    process = relay.stream(
        pg, f'file:{out}?format=debezium-json&schemas_enable=off'
        '&tombstones_on_delete=off&sync_interval=50ms',
        options=[*rig.spool(tmp_path / 'spool'), '--snapshot=initial'])
    pg.sql("insert into t values (4, 'd')")
    wait_file(out, 4)
    process.stop()
    records = read_json(out)
    assert [(r['op'], r['source']['snapshot'], r['after']['a'])
            for r in records] == [
        ('r', 'first', 1), ('r', 'true', 2), ('r', 'last', 3),
        ('c', 'false', 4)]


@pytest.mark.parametrize('later', [False, True])
def test_skip(table, relay, kafka, tmp_path, later):
    """A record that stops a sink is left out of its lane alone, though it has
    been in the log for long."""
    sinks = [file_sink(tmp_path), f'k={kafka.url}?message_max_bytes=2kB'
             '&delivery=at-least-once&linger=1ms']
    how = dict(options=rig.spool(tmp_path / 'spool'), wait=False)
    insert(table, 1, 3)
    table.sql("insert into t values (4, repeat('x', 5000))")
    insert(table, 5, 2)
    process = relay.stream(table, *sinks, **how)
    assert process.wait() == rig.Exit.RECORD, process.stderr
    option = process.wait_for(r'(--skip=\S+:1)')[1]
    if later:
        # the stream is past it, whatever the lanes are
        process = relay.stream(table, *sinks, **how)
        assert process.wait() == rig.Exit.RECORD, process.stderr
    how['options'] = [*how['options'], option, '--skip-reason=too large']
    process = relay.stream(table, *sinks, **how)
    process.wait_for('SKIPPED')
    topic = f'{table.dbname}.public.t'

    def delivered():
        return {json.loads(record.key)['a'] for record in kafka.read(topic)}
    rig.wait_until(lambda: delivered() == {1, 2, 3, 5, 6}, timeout=120,
                   what='rest of the records')
    wait_file(tmp_path / 'file.jsonl', 6)
    process.stop()
    assert delivered() == {1, 2, 3, 5, 6}
    assert set(keys(read_json(tmp_path / 'file.jsonl'))) == {1, 2, 3, 4, 5, 6}
