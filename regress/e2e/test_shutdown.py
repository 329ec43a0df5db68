"""test_shutdown.py: the relay's end and the server's, with sinks that work
and sinks that do not.
"""
import json
import os
import signal
import time

import pytest

import rig
from records import Ledger, operations, read_bucket, read_json

# a clean end takes five seconds at most; the machine may be busy
SOON = 12


def end_by(process, number):
    began = time.monotonic()
    process.signal(number)
    code = process.wait()
    assert time.monotonic() - began < SOON
    return code


def kafka_records(kafka, pg):
    """Those of the ledger, in each partition's order."""
    records = []
    for record in kafka.read(f'{pg.dbname}.public.ledger'):
        if record.value is not None:
            records.append(dict(json.loads(record.value),
                                _partition=record.partition))
    return records


def test_stop_under_load(pg, relay, kafka, s3, tmp_path):
    """ACK-9: SIGTERM and SIGINT under writers; what was durable is confirmed
    and nothing comes twice."""
    ledger = Ledger(pg, writers=3)
    pg.create_slot()
    sinks = (f'file:{tmp_path}/out', f'{kafka.url}?delivery=exactly-once',
             s3.url(flush_interval='300ms'))
    ledger.start()
    for number in signal.SIGTERM, signal.SIGINT:
        process = relay.stream(pg, *sinks, env=s3.env)
        time.sleep(1)
        assert end_by(process, number) == 0, process.stderr
        durable = rig.lsn(process.wait_for('stopped; everything up to (\\S+)')[1])
        assert pg.confirmed() == durable
        checkpoint = json.loads((tmp_path / 'out.checkpoint').read_text())
        assert rig.lsn(checkpoint['lsn']) >= durable
    ledger.stop()
    process = relay.stream(pg, *sinks, env=s3.env)
    pg.wait_confirmed()
    assert end_by(process, signal.SIGTERM) == 0
    ledger.compare(read_json(tmp_path / 'out'), 'file', exactly_once=True)
    ledger.compare(kafka_records(kafka, pg), 'kafka', exactly_once=True)
    doubled = ledger.compare([dict(record, _partition=record['table'])
                              for record in read_bucket(s3)], 's3')
    assert doubled == 0


def test_stop_with_dead_sinks(pg, relay, kafka, s3, tmp_path):
    """A frozen broker and a frozen S3 server do not hold up the end, nor take
    a living sink's time; afterwards nothing is missing."""
    pg.sql('create table t (a int primary key)')
    pg.publication()
    pg.create_slot()
    sinks = (f'{kafka.url}?delivery=exactly-once',
             s3.url(flush_interval='200ms'),
             f'file:{tmp_path}/out?sync_interval=3s')
    process = relay.stream(pg, *sinks, env=s3.env)
    pg.sql('insert into t values (1)')
    pg.wait_confirmed()
    kafka.pause()
    s3.server.pause()
    try:
        pg.sql('insert into t values (2)')
        end = pg.wal_position()
        time.sleep(1)
        assert end_by(process, signal.SIGTERM) != 0, process.stderr
        assert 'sink kafka' in process.stderr and 'sink s3' in process.stderr
        assert pg.confirmed() < end
        checkpoint = json.loads((tmp_path / 'out.checkpoint').read_text())
        assert operations(read_json(tmp_path / 'out'))[-1] == ('insert', 2)
        assert rig.lsn(checkpoint['lsn']) > pg.confirmed()
        # nor a start that has not got anywhere
        process = relay.stream(pg, *sinks, env=s3.env, wait=False)
        rig.wait_until(pg.walsender, what='the slot in use')
        assert end_by(process, signal.SIGINT) == 0
        assert 'stopped before it began' in process.stderr
    finally:
        kafka.resume()
        s3.server.resume()
    process = relay.stream(pg, *sinks, env=s3.env)
    pg.wait_confirmed()
    process.stop()
    assert operations(read_json(tmp_path / 'out')) == [
        ('insert', 1), ('insert', 2)]
    assert [r.key for r in kafka.read(f'{pg.dbname}.public.t')] == [
        b'{"a":1}', b'{"a":2}']
    assert sorted({r['after']['a'] for r in read_bucket(s3)}) == [1, 2]


def test_server_stops_with_a_full_sink(own_pg, relay, tmp_path):
    """ACK-10, A13: the stream is not read, so its requests are not seen."""
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    own_pg.sql('create table t (a int primary key, b text)')
    own_pg.publication()
    own_pg.create_slot()
    process = relay.stream(own_pg, 'pipe=file:-', stdout=writer)
    own_pg.sql("insert into t select g, repeat(md5(g::text), 100) "
               "from generate_series(1, 10000) g")
    rig.wait_until(lambda: own_pg.value(
        "select 1 from pg_stat_activity where datname = %s and "
        "backend_type = 'client backend' and application_name = 'pg_fanout'",
        (own_pg.dbname,)), what='the second look')
    own_pg.server.stop('fast')
    process.wait_for('leaving it alone')
    assert process.running
    own_pg.server.start()
    process.wait_streaming(timeout=60, after=len(process.lines))
    process.kill()
    os.close(writer)
    os.close(reader)


def test_crash_after_acknowledgement(own_pg, relay, tmp_path):
    """ACK-11, ACK-16: the slot of a crashed server stands before what it was
    told; what sinks have is passed over."""
    own_pg.sql('create table t (a int primary key)')
    own_pg.publication()
    own_pg.create_slot()
    own_pg.sql('checkpoint')
    sinks = (f'file:{tmp_path}/out?sync_interval=0',
             f'dir://{tmp_path}/lake?flush_interval=100ms')
    process = relay.stream(own_pg, *sinks)
    for number in range(20):
        own_pg.sql('insert into t values (%s)', (number,))
    told = own_pg.wait_confirmed()
    seen = len(process.lines)
    own_pg.server.restart('immediate')
    process.wait_streaming(timeout=60, after=seen)
    # at once, and at a start
    process.stop()
    own_pg.server.restart('immediate')
    assert own_pg.confirmed() < told
    process = relay.stream(own_pg, *sinks)
    own_pg.sql('insert into t values (20)')
    own_pg.wait_confirmed()
    process.stop()
    assert operations(read_json(tmp_path / 'out')) == [
        ('insert', number) for number in range(21)]
