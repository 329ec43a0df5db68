"""test_kafka_cluster.py: three real brokers whose leaders move and die.

Writers run, the relay streams, and meanwhile every partition changes its leader
again and again: by an administrator's order, because the leader is stopped,
killed, or stands still so long that it is taken for dead. The relay must not
end, nothing may be lost, and the order within each partition must hold.

MOVES (default 40) says how often leaders are moved by order, OPTIONS replaces
the sink's.
"""
import os
import random
import time

import pytest

import rig
from kafka_cluster import BROKERS, KafkaCluster
from records import Ledger, parse_lines

MOVES = int(os.environ.get('MOVES', 40))
# a broker that stood still may leave a request unanswered: then its timeout
# (a minute unless set) is waited for
OPTIONS = os.environ.get('OPTIONS', 'linger=1ms&checkpoint_interval=200ms'
                         '&delivery=at-least-once'
                         '&kafka.socket.timeout.ms=15000')


@pytest.fixture(scope='module')
def cluster_server():
    server = KafkaCluster()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def cluster(cluster_server):
    rig.wait_until(lambda: len(cluster_server.admin.list_topics(
        timeout=20).brokers) == len(BROKERS), what='three brokers')
    yield cluster_server
    cluster_server.heal()


def topics_of(pg, *tables):
    return [f'{pg.dbname}.public.{table}' for table in tables]


def read_json(cluster, topics):
    """The topics' records as JSON, marked with their partition."""
    return [dict(parse_lines(record.value + b'\n', record.topic)[0],
                 _partition=(record.topic, record.partition))
            for topic in topics for record in cluster.read(topic)]


class Flow:
    """Writers, a relay, and the topics between them and the test."""

    def __init__(self, pg, cluster, relay, partitions):
        self.pg, self.cluster = pg, cluster
        self.ledger = Ledger(pg, writers=3, tally=True)
        self.ledger.pauses = [0.005, 0.06]
        pg.create_slot()
        self.topics = topics_of(pg, 'ledger', 'tally')
        self.progress = f'__pg_fanout.{pg.slot}.k'
        self.process = relay.stream(
            pg, f'k={cluster.url}?partitions={partitions}&replication=3&'
            + OPTIONS)
        self.ledger.start()
        rig.wait_until(lambda: set(self.topics) <= set(
            cluster.admin.list_topics(timeout=20).topics),
            what='both topics')

    def passes(self, timeout=180):
        """Waits until what is written now is stored in Kafka."""
        self.pg.wait_confirmed(timeout=timeout)
        assert self.process.running, self.process.stderr

    def finish(self):
        """Stops it all; answers how many records came twice."""
        self.ledger.stop()
        self.passes()
        self.process.stop()
        again = self.ledger.compare(read_json(self.cluster, self.topics),
                                    'kafka')
        print(f'{len(self.ledger.source())} rows, {again} records twice')
        return again


@pytest.mark.slow
def test_leaders_move(pg, cluster, relay):
    """By order, one after another, as in a rebalance of the cluster."""
    flow = Flow(pg, cluster, relay, partitions=4)
    chance = random.Random(3)
    places = [*flow.topics, flow.progress]
    before, moved = cluster.leaders(*places), 0
    for _ in range(MOVES):
        cluster.move_leaders(places, chance)
        time.sleep(chance.uniform(0, 0.4))
        after = cluster.leaders(*places)
        moved += sum(after[place] != before[place] for place in after)
        before = after
        assert flow.process.running, flow.process.stderr
    # orders that changed nothing would prove nothing
    assert moved > MOVES * 3
    flow.finish()


@pytest.mark.slow
def test_leaders_die(pg, cluster, relay):
    """Each broker in turn leads everything and goes: cleanly, killed, and
    standing still until the others go on without it."""
    flow = Flow(pg, cluster, relay, partitions=4)
    places = [*flow.topics, flow.progress]
    ends = {1: 'stop', 2: 'kill', 3: 'pause'}
    for broker, end in ends.items():
        cluster.wait_in_sync(*places)
        cluster.lead_everything(places, broker)
        getattr(cluster.brokers[broker], end)()
        rig.wait_until(
            lambda: broker not in cluster.leaders(*places).values(),
            timeout=120, what='other leaders')
        if end == 'pause':
            cluster.brokers[broker].resume()
        else:
            flow.passes()
            cluster.brokers[broker].start()
        flow.passes()
    flow.finish()


@pytest.mark.slow
def test_too_few_replicas(pg, cluster, relay):
    """Two of three brokers are away: nothing can be stored, so the relay
    waits, and nothing is confirmed. The partitions are new to the producer:
    there a broker that takes a later request before an earlier one would not
    notice that one is missing."""
    pg.sql('create table t (id int primary key)')
    pg.publication(tables=['t'])
    pg.create_slot()
    topic, = topics_of(pg, 't')
    cluster.create_topic(topic, partitions=24)
    process = relay.stream(pg, f'k={cluster.url}?{OPTIONS}')
    cluster.wait_in_sync(topic, f'__pg_fanout.{pg.slot}.k')
    survivor, *others = BROKERS
    for broker in others:
        cluster.brokers[broker].kill()
    rig.wait_until(lambda: all(
        state == (survivor, [survivor])
        for state in cluster.partitions(topic).values()), what='one replica')
    before, rows = pg.confirmed(), 0
    for _ in range(20):
        pg.sql('insert into t select generate_series(%s, %s)',
               (rows + 1, rows + 100))
        rows += 100
        time.sleep(0.1)
    assert process.running, process.stderr
    assert pg.confirmed() == before
    assert not cluster.read(topic)
    for broker in others:
        cluster.brokers[broker].start()
    pg.wait_confirmed(timeout=90)
    process.stop()
    found = [record['after']['id'] for record in read_json(cluster, [topic])]
    assert sorted(set(found)) == list(range(1, rows + 1))
    assert len(found) == rows
