"""test_clock.py: a wall clock that is set forth and back while the relay runs.

Deadlines and intervals are measured on the monotonic clock; S3 signatures need
the time of day, and the S3 server's is taken where ours is refused.
"""
import struct
import subprocess
from pathlib import Path

import pytest

import rig
from manifest import read_manifest
from records import Ledger, read_json, read_topics

MINUTE = 60
# brokers refuse records from more than an hour ahead
STEPS = [20 * MINUTE, -20 * MINUTE, 50 * MINUTE, -600000 * MINUTE, 0]


@pytest.fixture
def shim(tmp_path):
    path = tmp_path / 'clock_step.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', path,
                    Path(__file__).with_name('clock_step.c'), '-ldl'],
                   check=True)
    return path


def test_steps(pg, relay, s3, kafka, shim, tmp_path):
    place = tmp_path / 'step'
    place.write_bytes(struct.pack('=q', 0))
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    process = relay.stream(
        pg, f'file=file:{tmp_path}/out?sync_interval=200ms',
        f's3={s3.url("lake", flush_interval="200ms")}',
        f'kafka={kafka.url}?linger=1ms&partitions=3&delivery=exactly-once',
        binary=rig.PLAIN_BIN,
        env=dict(s3.env, LD_PRELOAD=shim, CLOCK_STEP=place))
    for number, step in enumerate(STEPS):
        with open(place, 'r+b') as file:
            file.write(struct.pack('=q', step))
        ledger.burst(10, number)
        pg.wait_confirmed(timeout=30)
        assert process.running, process.stderr
    process.stop()
    assert process.stderr.count('streaming from slot') == 1
    # it did go wrong: the log's times jump by more than a year
    years = {line[:4] for line in process.lines if line[:2] == '20'}
    assert len(years) > 1, process.stderr
    ledger.compare(read_json(tmp_path / 'out'), 'file', exactly_once=True)
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)
    ledger.compare(read_topics(kafka, pg), 'kafka', exactly_once=True)


@pytest.mark.parametrize('delivery', ['exactly-once', 'at-least-once'])
def test_clock_ahead_of_the_broker(pg, relay, kafka, shim, tmp_path, delivery):
    """Brokers refuse records of the future: that is said, and not tried on."""
    pg.sql('create table t (id int primary key)')
    pg.publication()
    pg.create_slot()
    place = tmp_path / 'step'
    place.write_bytes(struct.pack('=q', 120 * MINUTE))
    process = relay.stream(
        pg, f'kafka={kafka.url}?linger=1ms&delivery={delivery}', wait=False,
        binary=rig.PLAIN_BIN, env=dict(LD_PRELOAD=shim, CLOCK_STEP=place))
    pg.sql('insert into t values (1)')
    assert process.wait() == rig.Exit.SINK_WRITE, process.stderr
    assert 'set the clock of this machine' in process.stderr
    assert 'made anew' not in process.stderr
    process = relay.stream(pg, f'kafka={kafka.url}?delivery={delivery}')
    pg.wait_confirmed()
    process.stop()
    assert len(kafka.read(f'{pg.dbname}.public.t')) == 1
