"""test_resnapshot_faults.py: readings that are interrupted, sinks that are away
meanwhile, and requests that are refused.

RESNAPSHOT_KILLS (default 2) says how often it is killed.
"""
import json
import os
import threading

import pytest

import rig
from manifest import read_manifest
from records import parse_lines, position, positions, read_json
from resnapshot_rig import (BEGUN, BOTH, DONE, LATEST, REFUSED, ask,
                            ask_and_wait, begun, check, count_reads, emit,
                            finish, killed, lake_sink, lines_with,
                            nothing_again, plugin, proxy, reads,  # noqa: F401
                            slow, start, usable)
from snapshot_rig import Writers, args, drain, fill, in_order, sink
from test_spool import start_s3

KILLS = int(os.environ.get('RESNAPSHOT_KILLS', 2))


# ---- interruptions ----

@pytest.mark.parametrize('how', ('kill', 'stop'))
def test_interrupted(pg, relay, slow, plugin, how, tmp_path):
    """An end in the middle: the next start begins anew by itself, and the one
    after it does not."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    fill(pg, rows=20000)
    pg.create_slot(plugin=plugin)
    writers = Writers(pg, 4, pause=0.05).start()
    sinks = [sink(out), lake_sink(lake)]
    ask(pg, *BOTH)
    for number in range(KILLS):
        near = slow(200)
        process = start(near, relay, *sinks, plugin=plugin, env=near.env,
                        **(dict(binary=rig.PLAIN_BIN) if how == 'kill' else {}))
        begun(process, out)
        # early, or later
        seen = count_reads(out)
        rig.wait_until(lambda: count_reads(out) >= seen + 3000 * number
                       or lines_with(process, DONE), LATEST, what='rows')
        assert not lines_with(process, DONE), 'it was too fast'
        if how == 'stop':
            process.stop()
        else:
            killed(pg, process)
    process = start(pg, relay, *sinks, plugin=plugin)
    process.wait_for(DONE, LATEST)
    writers.stop()
    finish(pg, process)
    story = check(pg, read_json(out), readings=None)
    assert max(story.reads.values()) <= KILLS + 1
    check(pg, read_manifest(lake), readings=None)
    nothing_again(pg, relay, *sinks, plugin=plugin)


def test_killed_when_done(pg, relay, plugin, tmp_path):
    """What is durable and confirmed is not read again after a kill."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=2000)
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, sink(out), plugin=plugin,
                    binary=rig.PLAIN_BIN)
    ask_and_wait(pg, process, *BOTH)
    pg.wait_confirmed(timeout=LATEST)
    killed(pg, process)
    nothing_again(pg, relay, sink(out), plugin=plugin)
    check(pg, read_json(out))


def test_asked_while_down(pg, relay, plugin, tmp_path):
    """A request waits in the stream for the relay."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=2000)
    pg.create_slot(plugin=plugin)
    pg.sql("update t0 set v = '1.1' where id % 2 = 0")
    ask(pg, *BOTH)
    pg.sql("update t0 set v = '1.2' where id % 3 = 0")
    pg.sql('delete from t0 where id % 5 = 0')
    process = start(pg, relay, sink(out), plugin=plugin)
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    check(pg, read_json(out))


def test_lost_stream(pg, relay, slow, plugin, tmp_path):
    """Only the stream's connection is lost, twice."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    fill(pg, rows=20000)
    pg.create_slot(plugin=plugin)
    writers = Writers(pg, 4, pause=0.05).start()
    near = slow(200)
    process = start(near, relay, sink(out), lake_sink(lake), plugin=plugin,
                    env=near.env)
    ask(pg, *BOTH)
    begun(process, out)
    for _ in range(2):
        seen = len(process.lines)
        pid = rig.wait_until(pg.walsender, what='walsender')
        pg.sql('select pg_terminate_backend(%s)', (pid,))
        process.wait_streaming(60, after=seen)
    near.link.heal()
    process.wait_for(DONE, LATEST)
    writers.stop()
    finish(pg, process)
    check(pg, read_json(out), readings=None)
    check(pg, read_manifest(lake), readings=None)
    nothing_again(pg, relay, sink(out), lake_sink(lake), plugin=plugin)


def test_lost_readers(pg, relay, slow, plugin, tmp_path):
    """Only the connections that read are lost: it begins anew."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    fill(pg, rows=20000)
    pg.create_slot(plugin=plugin)
    writers = Writers(pg, 4, pause=0.05).start()
    near = slow(200)
    process = start(near, relay, sink(out), lake_sink(lake), plugin=plugin,
                    env=near.env)
    ask(pg, *BOTH)
    begun(process, out)
    seen = len(process.lines)
    rig.wait_until(lambda: pg.rows(
        'select pg_terminate_backend(pid) from pg_stat_activity where '
        "application_name = 'pg_fanout' and datname = current_database() and "
        "backend_type = 'client backend' and xact_start is not null"),
        what='a connection that reads')
    near.link.heal()
    process.wait_for(DONE, LATEST, after=seen)
    writers.stop()
    finish(pg, process)
    check(pg, read_json(out), readings=None)
    check(pg, read_manifest(lake), readings=None)
    nothing_again(pg, relay, sink(out), lake_sink(lake), plugin=plugin)


def test_server_restarted(own_pg, relay, tmp_path):
    """Everything is lost at once, and the server away for a moment."""
    pg, out, pipe = own_pg, tmp_path / 'out.jsonl', tmp_path / 'pipe'
    fill(pg, rows=20000)
    pg.create_slot()
    # who does not read the pipe holds the reading up
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    process = start(pg, relay, sink(out), f'file:{pipe}')
    ask(pg, *BOTH)
    process.wait_for(BEGUN, LATEST)
    seen = len(process.lines)
    pg.server.restart('immediate')
    os.set_blocking(end, True)
    threading.Thread(target=drain, args=(end,), daemon=True).start()
    process.wait_streaming(LATEST, after=seen)
    pg.sql("insert into t0 values (-1, '1.1')")
    rig.wait_until(lambda: count_reads(out) >= 40000, LATEST, what='all rows')
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    check(pg, read_json(out), readings=None)


# ---- sinks elsewhere ----

def kafka_records(kafka, prefix, names=('t0', 'parted')):
    """In the order of positions; those of a partition are in order."""
    found = []
    for name in names:
        last = {}
        for message in kafka.read(f'{prefix}.public.{name}'):
            if not message.value:
                continue
            record, = parse_lines(message.value + b'\n', name)
            where = position(record)
            assert where > last.get(message.partition, (0, 0)), record
            last[message.partition] = where
            found.append(record)
    return in_order(found)


@pytest.mark.parametrize('kill', (False, True))
def test_kafka_and_s3(pg, relay, slow, kafka, s3, kill, tmp_path):
    """Exactly once: no position twice, killed or not."""
    plugin = usable(pg, 'pgoutput')
    fill(pg, rows=10000)
    pg.create_slot(plugin=plugin)
    writers = Writers(pg, 4, pause=0.05).start()
    sinks = [f'exact={kafka.url}?delivery=exactly-once&partitions=3'
             '&linger=1ms&transaction_interval=20ms',
             's3=' + s3.url('lake', flush_interval='200ms',
                            checkpoint_interval='100ms'),
             'file=' + sink(tmp_path / 'out.jsonl')]
    how = dict(plugin=plugin, binary=rig.PLAIN_BIN)
    near = slow(40 if kill else 200)
    process = start(near, relay, *sinks, env={**s3.env, **near.env}, **how)
    ask(pg, *BOTH)
    if kill:
        begun(process, tmp_path / 'out.jsonl')
        rig.wait_until(lambda: any(b'"op":"read"' in (r.value or b'') for r in
                                   kafka.read(f'{pg.dbname}.public.t0')),
                       LATEST, what='rows in Kafka')
        assert not lines_with(process, DONE), 'it was too fast'
        killed(pg, process)
        process = start(pg, relay, *sinks, env=s3.env, **how)
    else:
        near.link.heal()
    process.wait_for(DONE, LATEST)
    writers.stop()
    finish(pg, process)
    readings = None if kill else 1
    for records in (kafka_records(kafka, pg.dbname),
                    read_manifest(s3, 'lake'),
                    read_json(tmp_path / 'out.jsonl')):
        story = check(pg, records, readings=readings)
        assert sum(story.reads.values()) > 15000
    nothing_again(pg, relay, *sinks, env=s3.env, **how)


@pytest.mark.parametrize('kill', (False, True))
def test_spooled(pg, relay, s3, kill, tmp_path):
    """S3 is away: its rows lie in the spool, and the slot goes on."""
    plugin = usable(pg, 'pgoutput')
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=8000)
    pg.create_slot(plugin=plugin)
    sinks = ['file=' + sink(out), 's3=' + s3.url(
        'lake', flush_interval='200ms', connect_timeout='1s',
        checkpoint_interval='100ms')]
    how = dict(plugin=plugin, env=s3.env, binary=rig.PLAIN_BIN,
               options=rig.spool(tmp_path / 'spool'))
    process = start(pg, relay, *sinks, **how)
    writers = Writers(pg, 4, pause=0.05).start()
    # until it has a checkpoint, a new sink holds the slot
    pg.sql("insert into t0 values (-1, '1.1')")
    pg.wait_confirmed(timeout=LATEST)
    s3.server.stop()
    try:
        place = ask_and_wait(pg, process, *BOTH)
        pg.wait_confirmed(timeout=LATEST)
        assert pg.confirmed() > place
        rig.wait_until(lambda: count_reads(out) > 15000, LATEST,
                       what='rows in the file')
        if kill:
            killed(pg, process)
    finally:
        start_s3(s3)
    if kill:
        process = start(pg, relay, *sinks, **how)
    writers.stop()
    pg.wait_confirmed(timeout=LATEST)
    records = read_json(out)
    rig.wait_until(lambda: len(bucket_records(s3)) >= len(records), LATEST,
                   interval=0.5, what='what was missed')
    finish(pg, process)
    assert 'stays in the spool' not in process.stderr
    assert not kill or not lines_with(process, BEGUN)
    check(pg, read_json(out))
    check(pg, read_manifest(s3, 'lake'))


def bucket_records(s3):
    """What is listed so far; the chain may be growing."""
    try:
        return read_manifest(s3, 'lake')
    except AssertionError:
        return []


def test_slow_sink(pg, relay, tmp_path):
    """A sink that takes nothing holds the rows up, and nothing is lost."""
    out, pipe = tmp_path / 'out.jsonl', tmp_path / 'pipe'
    fill(pg, rows=20000)
    pg.create_slot()
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    process = start(pg, relay, sink(out), f'file:{pipe}')
    writers = Writers(pg, 4).start()
    ask(pg, *BOTH)
    process.wait_for(BEGUN, LATEST)
    pg.sql("update t0 set v = '50.1' where id between 15001 and 19999")
    os.set_blocking(end, True)
    threading.Thread(target=drain, args=(end,), daemon=True).start()
    process.wait_for(DONE, LATEST)
    writers.stop()
    finish(pg, process)
    check(pg, read_json(out))


# ---- what cannot be read ----

BAD = {
    'table': '{"tables": ["public.nothing"]}',
    'pattern': '{"tables": ["nobody*.*"]}',
    'sink': '{"tables": ["public.t0"], "sink": "nobody"}',
    'no json': 'public.t0',
    'cut': '{"tables": ["public.t0"',
    'array': '["public.t0"]',
    'number': '{"tables": 5}',
    'numbers': '{"tables": [5]}',
    'slot': '{"tables": ["public.t0"], "slot": 7}',
    'empty': '',
    'deep': '[' * 5000,
    'long': '{"tables": ["' + 'x' * 100000 + '"]}',
}


def refused(process, after):
    return process.wait_for(REFUSED, LATEST, after=after)


@pytest.mark.parametrize('bad', BAD)
def test_bad_request(pg, relay, bad, tmp_path):
    """It is told, once, and the stream goes on."""
    bad_request(pg, relay, 'pg_fanout', tmp_path, lambda: emit(pg, BAD[bad]))


def test_bad_bytes(pg, relay, tmp_path):
    bad_request(pg, relay, 'pg_fanout', tmp_path, lambda: pg.sql(
        "select pg_logical_emit_message(true, 'pg_fanout.resnapshot', "
        "'\\xff00fe7b'::bytea)"))


def test_no_key(pg, relay, plugin, tmp_path):
    """Equal rows cannot be told apart, so it is not known which change."""
    pg.sql('create table loose (v text); insert into loose values (1), (2); '
           'alter table loose replica identity full')
    bad_request(pg, relay, plugin, tmp_path, lambda: ask(pg, 'public.loose'))


def test_not_published(pg, relay, plugin, tmp_path):
    def asked():
        # never published
        pg.sql('create unlogged table fast (id int primary key);'
               'insert into fast values (1)')
        ask(pg, 'public.fast')
    bad_request(pg, relay, plugin, tmp_path, asked)


def bad_request(pg, relay, plugin, tmp_path, asked):
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=100)
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, 'file=' + sink(out), plugin=plugin)
    asked()
    refused(process, 0)
    pg.sql("insert into t0 values (-1, '1.1')")
    pg.wait_confirmed(timeout=LATEST)
    assert count_reads(out) == 0
    told = lines_with(process, REFUSED)
    # it is still there for others
    ask_and_wait(pg, process, *BOTH)
    finish(pg, process)
    check(pg, read_json(out))
    assert lines_with(process, REFUSED) == told
    assert all(len(line) < 2000 for line in told)
    nothing_again(pg, relay, 'file=' + sink(out), plugin=plugin)


def test_no_right_to_read(pg, relay, plugin, tmp_path):
    """Told, and not tried for ever; once it is granted it can be asked for."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=100)
    pg.create_slot(plugin=plugin)
    pg.sql('create role rereader login replication; '
           'grant select on all tables in schema public to rereader; '
           'revoke select on t0 from rereader')
    try:
        process = start(pg, relay, sink(out), plugin=plugin,
                        options=['-U', 'rereader'])
        ask(pg, 'public.t0')
        refused(process, 0)
        pg.sql("insert into t0 values (-1, '1.1')")
        pg.wait_confirmed(timeout=LATEST)
        assert count_reads(out) == 0
        pg.sql('grant select on t0 to rereader')
        ask_and_wait(pg, process, *BOTH)
        finish(pg, process)
        check(pg, read_json(out))
    finally:
        for process in relay.all:
            process.kill()
        rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
        pg.sql('drop owned by rereader; drop role rereader')


# ---- always ----

def test_always(pg, relay, plugin, tmp_path):
    """The first start is as with initial; each later one reads everything
    beside the stream."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    fill(pg, rows=6000)
    sinks = [sink(out), lake_sink(lake)]
    how = dict(plugin=plugin, mode='always')
    process = start(pg, relay, *sinks, **how)
    pg.sql("insert into t0 values (-1, '1.1')")
    finish(pg, process)
    assert not lines_with(process, BEGUN)
    assert count_reads(out) == 12000
    pg.sql("update t0 set v = '1.2' where id % 3 = 0; "
           'delete from parted where id % 4 = 0')
    writers = Writers(pg, 4).start()
    for _ in range(2):
        process = start(pg, relay, *sinks, **how)
        process.wait_for(DONE, LATEST)
        pg.wait_confirmed(timeout=LATEST)
        process.stop()
    writers.stop()
    process = start(pg, relay, *sinks, plugin=plugin)
    finish(pg, process)
    assert not lines_with(process, BEGUN)
    story = check(pg, read_json(out), readings=3)
    assert sum(story.reads.values()) > 3 * 9000
    check(pg, read_manifest(lake), readings=3)


def test_always_killed(pg, relay, slow, tmp_path):
    """Killed while it reads everything again; then a start with never goes on
    with it, or one with always begins anew: in the end all is there."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=15000)
    finish(pg, start(pg, relay, sink(out), mode='always'))
    writers = Writers(pg, 4, pause=0.05).start()
    near = slow(200)
    process = start(near, relay, sink(out), mode='always', env=near.env,
                    binary=rig.PLAIN_BIN)
    begun(process, out)
    assert not lines_with(process, DONE), 'it was too fast'
    killed(pg, process)
    process = start(pg, relay, sink(out), mode='always')
    process.wait_for(DONE, LATEST)
    writers.stop()
    finish(pg, process)
    check(pg, read_json(out), readings=None)


@pytest.mark.parametrize('mode', ('initial', 'when-needed'))
def test_other_modes(pg, relay, mode, tmp_path):
    """A request is met in every mode, and what the first start has read may
    be read again."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=3000)
    process = start(pg, relay, sink(out), mode=mode)
    writers = Writers(pg, 4).start()
    ask_and_wait(pg, process, *BOTH)
    writers.stop()
    finish(pg, process)
    story = check(pg, read_json(out), readings=2)
    assert max(story.reads.values()) == 2
    nothing_again(pg, relay, sink(out), mode=mode)
