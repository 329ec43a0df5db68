"""test_reconnect.py: connections and servers that go away under writers."""
import time

import pytest

import rig
from records import Ledger, read_bucket, read_json


def test_terminated_backend(pg, relay, tmp_path):
    ledger = Ledger(pg, writers=3)
    pg.create_slot()
    out = tmp_path / 'out'
    process = relay.stream(pg, f'file:{out}?sync_interval=100ms')
    ledger.start()
    for _ in range(5):
        time.sleep(0.5)
        seen = len(process.lines)
        walsender = rig.wait_until(pg.walsender, what='a walsender')
        pg.sql('select pg_terminate_backend(%s)', (walsender,))
        process.wait_streaming(after=seen)
    ledger.stop()
    pg.wait_confirmed()
    process.stop()
    ledger.compare(read_json(out), 'file', exactly_once=True)


@pytest.mark.parametrize('mode', ['fast', 'immediate'])
def test_server_restart(own_pg, relay, tmp_path, mode):
    """The slot of a crashed server may stand behind what was confirmed."""
    ledger = Ledger(own_pg, writers=3)
    own_pg.create_slot()
    out = tmp_path / 'out'
    process = relay.stream(own_pg, f'file:{out}?sync_interval=100ms',
                           f'dir://{tmp_path}/lake?flush_interval=300ms')
    ledger.start()
    for _ in range(2):
        time.sleep(1.5)
        seen = len(process.lines)
        own_pg.server.restart(mode)
        process.wait_streaming(timeout=60, after=seen)
    time.sleep(0.5)
    ledger.stop()
    own_pg.wait_confirmed()
    process.stop()
    ledger.compare(read_json(out), 'file', exactly_once=True)


def test_server_away_for_a_while(own_pg, relay, tmp_path):
    """Waiting costs neither the records nor the processor."""
    ledger = Ledger(own_pg, writers=2)
    own_pg.create_slot()
    out = tmp_path / 'out'
    process = relay.stream(own_pg, f'file:{out}?sync_interval=100ms')
    ledger.start()
    time.sleep(1)
    own_pg.server.stop('fast')
    before = process.cpu_seconds()
    time.sleep(5)
    assert process.running
    assert process.cpu_seconds() - before < 1
    seen = len(process.lines)
    own_pg.server.start()
    process.wait_streaming(timeout=60, after=seen)
    ledger.stop()
    own_pg.wait_confirmed()
    process.stop()
    ledger.compare(read_json(out), 'file', exactly_once=True)


def test_fast_shutdown_is_not_held_up(own_pg, relay, s3):
    """A server that wants to stop while a sink is dead does stop."""
    own_pg.sql('create table t (a int primary key)')
    own_pg.publication()
    own_pg.create_slot()
    process = relay.stream(own_pg, s3.url(flush_interval='200ms'), env=s3.env)
    own_pg.sql('insert into t values (1)')
    own_pg.wait_confirmed()
    s3.server.pause()
    try:
        own_pg.sql('insert into t values (2)')
        time.sleep(1)
        began = time.monotonic()
        own_pg.server.stop('fast')
        assert time.monotonic() - began < 30
        assert process.running
    finally:
        s3.server.resume()
    seen = len(process.lines)
    own_pg.server.start()
    process.wait_streaming(timeout=60, after=seen)
    own_pg.wait_confirmed()
    process.stop()
    assert sum(s3.read(key).count(b'\n') for key in s3.keys()) >= 2


def test_old_walsender_of_ours(pg, relay, tmp_path):
    """After a kill the server may not have noticed yet: wait for the slot."""
    pg.sql('create table t (a int primary key)')
    pg.publication()
    pg.create_slot()
    first = relay.stream(pg, 'null:?checkpoint_interval=1h')
    second = relay.stream(pg, f'file:{tmp_path}/out?sync_interval=100ms',
                          wait=False)
    second.wait_for('active')
    assert second.running
    first.kill()
    second.wait_streaming(timeout=60)
    pg.sql('insert into t values (1)')
    pg.wait_confirmed()
    second.stop()
    assert len(read_json(tmp_path / 'out')) == 1


def test_s3_server_restarts(pg, relay, s3, tmp_path):
    ledger = Ledger(pg, writers=2)
    pg.create_slot()
    process = relay.stream(pg, s3.url(flush_interval='200ms'),
                           f'file:{tmp_path}/out?sync_interval=100ms', env=s3.env)
    ledger.start()
    time.sleep(1)
    s3.server.stop()
    time.sleep(2)
    assert process.running
    s3.server.rig('start', s3.endpoint.rsplit(':', 1)[1])
    time.sleep(1)
    ledger.stop()
    pg.wait_confirmed(timeout=90)
    process.stop()
    ledger.compare([dict(record, _partition=record['table'])
                    for record in read_bucket(s3)], 's3')
    ledger.compare(read_json(tmp_path / 'out'), 'file', exactly_once=True)
