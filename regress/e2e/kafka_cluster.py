"""kafka_cluster.py: three brokers whose leaders can be moved.

A handle around regress/rig/kafka start3. What clients of librdkafka cannot ask
for, a new order of a partition's replicas, is asked for over the wire; then the
first of them is elected. Judges nothing.
"""
import os
import random
import signal
import socket
import struct
import time

from confluent_kafka import ElectionType, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import rig

BROKERS = (1, 2, 3)
ALTER_PARTITION_REASSIGNMENTS = 45


class Broker(rig.Server):
    """One node; may be killed, and started again with its data."""
    script = 'kafka'

    def kill(self):
        """SIGKILL; waits until it is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        rig.wait_until(lambda: rig.has_ended(pid), what=f'end of process {pid}')

    @property
    def running(self):
        return ((self.directory / 'pid').exists()
                and not rig.has_ended(self.pid))

    @property
    def bootstrap(self):
        return (self.directory / 'env').read_text().strip().split('=')[1]


class KafkaCluster(rig.Server):
    """Brokers 1, 2, 3 as .brokers, with three replicas of everything."""
    script = 'kafka'

    def start(self):
        self.rig('start3', *self.settings)
        self.brokers = {n: Broker(self.directory / str(n)) for n in BROKERS}
        self.bootstrap = ','.join(b.bootstrap for b in self.brokers.values())
        self.url = f'kafka://{self.bootstrap}'
        self.admin = AdminClient({
            'bootstrap.servers': self.bootstrap, 'log_level': 0,
            'topic.metadata.refresh.interval.ms': 1000})
        return self

    def close(self):
        for broker in self.brokers.values():
            if broker.running:
                broker.resume()
        super().close()

    def heal(self):
        """Starts what a test left stopped."""
        for broker in self.brokers.values():
            if broker.running:
                broker.resume()
            else:
                broker.start()

    def create_topic(self, name, partitions):
        for future in self.admin.create_topics(
                [NewTopic(name, partitions, len(BROKERS))]).values():
            future.result(30)

    def read(self, topic):
        return rig.read_topic(self.bootstrap, topic)

    def partitions(self, topic):
        """{number: (leader, in-sync replicas)}; leader -1: none."""
        found = self._metadata(topic).topics[topic]
        return {p.id: (p.leader, sorted(p.isrs))
                for p in found.partitions.values()}

    def _metadata(self, topic):
        """From any broker that answers: one may be standing still."""
        def ask():
            try:
                return self.admin.list_topics(topic, timeout=2)
            except KafkaException:
                return None
        return rig.wait_until(ask, 60, what='answer about a topic')

    def leaders(self, *topics):
        """{(topic, partition): leader}"""
        return {(topic, number): leader for topic in topics
                for number, (leader, _) in self.partitions(topic).items()}

    def wait_in_sync(self, *topics, timeout=60):
        """Until every replica of the topics is in sync."""
        rig.wait_until(
            lambda: all(len(replicas) == len(BROKERS) for topic in topics
                        for _, replicas in self.partitions(topic).values()),
            timeout, 0.2, f'replicas of {topics} in sync')

    def move_leaders(self, topics, chance=random):
        """Asks for a random leader of every partition, as an administrator
        does. What cannot be just now is left as it is."""
        self._elect({place: chance.sample(BROKERS, len(BROKERS))
                     for place in self.leaders(*topics)})

    def lead_everything(self, topics, broker):
        """Makes that broker the leader of every partition."""
        others = [other for other in BROKERS if other != broker]
        self._elect({place: [broker, *others]
                     for place in self.leaders(*topics)})
        rig.wait_until(
            lambda: set(self.leaders(*topics).values()) == {broker},
            what=f'broker {broker} leading everything')

    def _elect(self, order):
        self._reassign(order)
        wanted = [TopicPartition(*place) for place in order]
        self.admin.elect_leaders(ElectionType.PREFERRED,
                                 wanted).result(30)

    def _reassign(self, order):
        """order: {(topic, partition): replicas, the preferred one first}"""
        for broker in self.brokers.values():
            try:
                return reassign(broker.bootstrap, order)
            except OSError:
                continue        # that one is away
        raise AssertionError('no broker takes a reassignment')


def varint(number):
    data = b''
    while number > 0x7f:
        data += bytes([number & 0x7f | 0x80])
        number >>= 7
    return data + bytes([number])


def compact_array(items):
    return varint(len(items) + 1) + b''.join(items)


def reassign(bootstrap, order):
    """Sends one AlterPartitionReassignments request, version 0. Kafka carries
    a mere change of order out at once. Answers what came back."""
    topics = {}
    for (topic, number), replicas in order.items():
        ids = compact_array([struct.pack('>i', r) for r in replicas])
        topics.setdefault(topic, []).append(
            struct.pack('>i', number) + ids + b'\0')
    body = struct.pack('>i', 30000) + compact_array([
        varint(len(name) + 1) + name.encode() + compact_array(items) + b'\0'
        for name, items in topics.items()]) + b'\0'
    head = struct.pack('>hhih', ALTER_PARTITION_REASSIGNMENTS, 0, 1, 3)
    request = head + b'rig' + b'\0' + body
    host, port = bootstrap.split(':')
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.sendall(struct.pack('>i', len(request)) + request)
        with wire.makefile('rb') as answer:
            size = answer.read(4)
            if len(size) < 4:
                raise ConnectionError('the broker hung up')
            data = answer.read(struct.unpack('>i', size)[0])
    # correlation, tags, throttle time, error
    error = struct.unpack('>h', data[9:11])[0]
    assert error == 0, f'reassignment refused with error {error}: {data!r}'
    return data
