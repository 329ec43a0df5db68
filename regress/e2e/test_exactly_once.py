"""test_exactly_once.py: Kafka transactions, whatever breaks.

A consumer that reads committed records gets every row of the source once and
in order: kill -9 of the broker, which then stands still for longer than a
transaction may take; transactions that are cut in the middle. The relay itself
is killed by test_torture.py and test_failpoints.py.
"""
import json
import os
import time

import confluent_kafka
import pytest

import rig
from records import Ledger, parse_lines

TOPICS = ('public.ledger', 'public.tally')
EXACT = 'linger=1ms&partitions=3&delivery=exactly-once'


@pytest.fixture
def own_kafka():
    """A broker of its own: it is killed and stopped."""
    server = rig.Kafka(settings=['transaction.state.log.num.partitions=1'])
    try:
        yield server.start()
    finally:
        server.close()


def read(kafka, *topics):
    return [dict(parse_lines(record.value + b'\n', record.topic)[0],
                 _partition=(record.topic, record.partition))
            for topic in topics for record in kafka.read(topic)]


def compare(ledger, pg, kafka):
    ledger.compare(read(kafka, *(f'{pg.dbname}.{t}' for t in TOPICS)),
                   'kafka', exactly_once=True)


def test_broker_killed_and_frozen(pg, relay, own_kafka):
    """Killed while it commits; then still for longer than a transaction may
    take, so that it finds the lone producer fenced."""
    ledger = Ledger(pg, writers=6, tally=True)
    pg.create_slot()
    sink = (f'kafka={own_kafka.url}?{EXACT}&transaction_interval=20ms'
            '&transaction_timeout=3s')
    process = relay.stream(pg, sink)
    ledger.start()
    time.sleep(1)
    os.kill(own_kafka.pid, 9)
    time.sleep(0.5)
    own_kafka.start()
    pg.wait_confirmed(timeout=120)
    own_kafka.pause()
    time.sleep(10)
    own_kafka.resume()
    time.sleep(1)
    ledger.stop()
    pg.wait_confirmed(timeout=120)
    process.stop()
    assert 'producer made anew' in process.stderr
    compare(ledger, pg, own_kafka)


def open_transaction(kafka, topic):
    """Of another producer, with a record in that topic."""
    producer = confluent_kafka.Producer({
        'bootstrap.servers': kafka.bootstrap, 'transactional.id': 'other'})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b'{}', b'other')
    assert producer.flush(30) == 0
    return producer


WHY = r'progress topic .* a Kafka transaction stays open at offset \d+'


def test_transaction_stays_open(pg, relay, kafka):
    """One that brokers have lost the end of looks like one that nobody ends:
    progress cannot be read, and is not guessed."""
    pg.sql('create table t (a int primary key)')
    pg.publication()
    pg.create_slot()
    sink = f'kafka={kafka.url}?{EXACT}&connect_timeout=3s'
    process = relay.stream(pg, sink)
    pg.sql('insert into t values (1)')
    pg.wait_confirmed()
    process.stop()
    other = open_transaction(kafka, f'__pg_fanout.{pg.slot}.kafka')
    process = relay.stream(pg, sink, wait=False)
    assert process.wait() == rig.Exit.SINK_SETUP, process.stderr
    process.wait_for('error: .*' + WHY)
    process.wait_for('hint: kafka-transactions.sh .* abort --topic .* '
                     '--start-offset')
    other.abort_transaction(30)
    process = relay.stream(pg, sink)
    pg.sql('insert into t values (2)')
    pg.wait_confirmed()
    process.stop()
    topic = f'{pg.dbname}.public.t'
    assert sorted(json.loads(record.value)['after']['a']
                  for record in kafka.read(topic)) == [1, 2]


def test_transaction_stays_open_behind_a_spool(pg, relay, kafka, tmp_path):
    """The others go on; the reason is said, once; its end brings the sink
    back."""
    pg.sql('create table t (a int primary key)')
    pg.publication()
    pg.create_slot()
    sinks = (f'file:{tmp_path}/out',
             f'kafka={kafka.url}?{EXACT}&connect_timeout=3s')
    how = dict(options=rig.spool(tmp_path / 'spool'))
    topic = f'__pg_fanout.{pg.slot}.kafka'
    process = relay.stream(pg, *sinks, **how)
    pg.sql('insert into t values (1)')
    rig.wait_until(lambda: kafka.read(topic), what='progress')
    process.stop()
    other = open_transaction(kafka, topic)
    process = relay.stream(pg, *sinks, **how)
    process.wait_for('warning: .*' + WHY)
    pg.sql('insert into t values (2)')
    pg.wait_confirmed()
    time.sleep(5)
    assert 1 <= process.stderr.count('stays open') <= 2
    other.abort_transaction(30)
    process.wait_for('sink kafka: is there again')
    rig.wait_until(lambda: len(kafka.read(f'{pg.dbname}.public.t')) == 2,
                   what='the second row')
    process.stop()


def test_huge_transaction(pg, relay, kafka):
    """Longer than half of a Kafka transaction's time: split, killed within."""
    pg.sql('create table t (id int primary key, pad text)')
    pg.publication(tables=['t'])
    pg.create_slot()
    rows = 100000
    sink = (f'kafka={kafka.url}?{EXACT}&transaction_timeout=1s'
            '&queue_messages=50')
    process = relay.stream(pg, sink, binary=rig.PLAIN_BIN)
    pg.sql("insert into t select g, repeat('x', 100)"
           ' from generate_series(1, %s) g', (rows,))
    topic = f'__pg_fanout.{pg.slot}.kafka'
    rig.wait_until(lambda: any(
        b'"seq":0' not in record.value for record in kafka.read(topic)
        if record.key.count(b'/') == 2), what='a split')
    process.kill()
    rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
    process = relay.stream(pg, sink, binary=rig.PLAIN_BIN)
    pg.wait_confirmed(timeout=120)
    process.stop()
    records = kafka.read(f'{pg.dbname}.public.t')
    ids = [json.loads(record.value)['after']['id'] for record in records]
    assert sorted(ids) == list(range(1, rows + 1))
    mark = json.loads([record.value for record in kafka.read(topic)
                       if b'#' in record.key][-1])
    parts = {int(record.headers.get('pg_fanout.part', 1))
             for record in records}
    assert mark['complete'] and mark['seq'] == rows
    assert parts <= set(range(1, mark['parts'] + 1)) and len(parts) > 1


def test_stop_and_second_relay(pg, relay, kafka):
    """A stop commits what came; a second relay waits for the slot and fences
    nobody."""
    ledger = Ledger(pg, writers=2)
    pg.create_slot()
    sink = f'kafka={kafka.url}?{EXACT}'
    first = relay.stream(pg, sink)
    ledger.start()
    second = relay.stream(pg, sink, wait=False)
    time.sleep(4)
    second.kill()
    assert 'made anew' not in first.stderr
    for _ in range(4):
        begin = time.monotonic()
        first.stop()
        assert time.monotonic() - begin < 10
        first = relay.stream(pg, sink)
        time.sleep(0.5)
    ledger.stop()
    pg.wait_confirmed()
    first.stop()
    ledger.compare(read(kafka, f'{pg.dbname}.public.ledger'), 'kafka',
                   exactly_once=True)


def test_downgrade_refused(pg, relay, kafka):
    pg.sql('create table t (id int primary key)')
    pg.publication(tables=['t'])
    pg.create_slot()
    process = relay.stream(pg, f'kafka={kafka.url}?delivery=auto')
    pg.sql('insert into t values (1)')
    pg.wait_confirmed()
    process.stop()
    process = relay.stream(
        pg, f'kafka={kafka.url}?delivery=at-least-once', wait=False)
    assert process.wait() == rig.Exit.CHECKPOINT
    assert 'has delivered exactly once so far' in process.stderr
    assert 'delivery=exactly-once' in process.stderr
