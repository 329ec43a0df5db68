"""test_exactly_faults.py: Kafka transactions at each stage, and who may write.

The relay is killed just when a request of its producer comes by; a relay that
stood still wakes up and finds another in its place; brokers that allow no
transactions; a broker that stands still while the relay is to stop.

The last two only run with EXACT_FAULTS set: the unit tests have most of it.
"""
import os
import signal
import time

import pytest

import rig
from kafka_proxy import (ADD_PARTITIONS, END_TXN, INIT_PRODUCER_ID, PRODUCE,
                         Tripwire)
from records import Ledger
from test_exactly_once import EXACT, compare

# (request, whether its answer)
STAGES = {
    'before the producer': (INIT_PRODUCER_ID, False),
    'before begin': (ADD_PARTITIONS, False),
    'between records': (PRODUCE, False),
    'records stored': (PRODUCE, True),
    'before commit': (END_TXN, False),
    'committed, not confirmed': (END_TXN, True),
}


more = pytest.mark.skipif('EXACT_FAULTS' not in os.environ,
                          reason='EXACT_FAULTS is not set')


@pytest.fixture(scope='module')
def port():
    return rig.free_port()


@pytest.fixture(scope='module')
def moved_kafka(port):
    """A broker that clients find at another port."""
    server = rig.Kafka(settings=[
        f'advertised.listeners=PLAINTEXT://127.0.0.1:{port},'
        'SASL_SSL://localhost:1', 'transaction.state.log.num.partitions=1'])
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope='module')
def wire(moved_kafka, port):
    wire = Tripwire(port, int(moved_kafka.bootstrap.split(':')[1]))
    yield wire
    wire.close()


def wait_free(pg):
    rig.wait_until(lambda: not pg.walsender(), what='slot to be free')


def test_kill_at_each_stage(pg, relay, moved_kafka, port, wire):
    """KAF-6"""
    ledger = Ledger(pg, writers=4, tally=True)
    pg.create_slot()
    sink = f'kafka=kafka://127.0.0.1:{port}?{EXACT}&transaction_interval=20ms'
    ledger.start()
    for stage, (request, answered) in STAGES.items():
        process = relay.stream(pg, sink, binary=rig.PLAIN_BIN, wait=False)
        if request != INIT_PRODUCER_ID:
            process.wait_streaming()
            pg.wait_confirmed()
        wire.set(request, answered, process.process.kill)
        assert process.wait() == -signal.SIGKILL, stage
        wait_free(pg)
    process = relay.stream(pg, sink)
    ledger.stop()
    pg.wait_confirmed(timeout=120)
    process.stop()
    compare(ledger, pg, moved_kafka)


def test_woken_relay(pg, relay, kafka):
    """KAF-5: one that was taken for dead wakes up: it is fenced and stops, and
    readers of committed records see none of what it had under way."""
    pg.sql(f"alter database {pg.dbname} set wal_sender_timeout = '3s'")
    ledger = Ledger(pg, writers=4, tally=True)
    pg.create_slot()
    sink = f'kafka={kafka.url}?{EXACT}&transaction_interval=200ms'
    old = relay.stream(pg, sink)
    ledger.start()
    pg.wait_confirmed()
    old.signal(signal.SIGSTOP)
    wait_free(pg)
    new = relay.stream(pg, sink)
    pg.wait_confirmed()
    old.signal(signal.SIGCONT)
    assert old.wait(120) == rig.Exit.SLOT_IN_USE
    assert new.running and 'made anew' not in new.stderr
    ledger.stop()
    pg.wait_confirmed(timeout=120)
    new.stop()
    compare(ledger, pg, kafka)


@pytest.fixture
def poor_kafka():
    """One broker that is to hold three copies of the transactions' state."""
    server = rig.Kafka(settings=['transaction.state.log.replication.factor=3'])
    try:
        yield server.start()
    finally:
        server.close()


@more
def test_no_transactions(pg, relay, poor_kafka):
    pg.sql('create table t (id int primary key)')
    pg.publication(tables=['t'])
    pg.create_slot()
    process = relay.run(*pg.args, '-S', pg.slot, '--check', '-o',
                        'publication_names=pub', '--sink', poor_kafka.url)
    assert process.code == 0, process.stderr
    assert 'delivery would be at-least-once' in process.stderr
    process = relay.stream(
        pg, f'kafka={poor_kafka.url}?delivery=exactly-once', wait=False)
    assert process.wait() == rig.Exit.SINK_SETUP
    assert 'transaction.state.log.replication.factor' in process.stderr
    process = relay.stream(pg, f'kafka={poor_kafka.url}')
    process.wait_for('delivery is at-least-once, not exactly-once')
    pg.sql('insert into t values (1)')
    pg.wait_confirmed()
    # frozen, it is not waited for
    poor_kafka.pause()
    try:
        pg.sql('insert into t values (2)')
        time.sleep(0.5)
        begin = time.monotonic()
        process.signal(signal.SIGTERM)
        assert process.wait() == rig.Exit.SINK_WRITE
        assert time.monotonic() - begin < 8
    finally:
        poor_kafka.resume()


@more
def test_stop_while_frozen(pg, relay, moved_kafka, port, wire):
    """What is durable is confirmed; the rest comes again, once."""
    ledger = Ledger(pg, writers=4, tally=True)
    pg.create_slot()
    sink = f'kafka=kafka://127.0.0.1:{port}?{EXACT}&transaction_interval=20ms'
    process = relay.stream(pg, sink)
    ledger.start()
    pg.wait_confirmed()
    moved_kafka.pause()
    try:
        time.sleep(1)
        begin = time.monotonic()
        process.signal(signal.SIGTERM)
        process.wait()
        assert time.monotonic() - begin < 8
    finally:
        moved_kafka.resume()
    wait_free(pg)
    process = relay.stream(pg, sink)
    ledger.stop()
    pg.wait_confirmed(timeout=120)
    process.stop()
    compare(ledger, pg, moved_kafka)
