"""kafka_proxy.py: between a client and one broker, to meddle.

Passes frames on both ways. Proxy answers in the broker's place; Tripwire calls
somebody when a certain request comes by. Judges nothing.
"""
import struct
import threading
import time

from tcp_proxy import TcpProxy

PRODUCE, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 0, 22, 24, 26
NOT_LEADER = 6


class Wire(TcpProxy):
    """What passes frames on; subclasses may keep some."""

    def __init__(self, port, broker):
        self.looking = threading.Lock()
        super().__init__(f'127.0.0.1:{broker}', port)

    def read(self, source):
        return frame(source)

    def wants(self, data, source, upward):
        keeps = self._keep if upward else self._keep_answer
        return not keeps(data, source)

    def _keep(self, data, client):
        """Whether the request does not reach the broker."""
        return False

    def _keep_answer(self, data, broker):
        return False


class Tripwire(Wire):
    """set(key, answered, call): when the next request of that kind comes by,
    or with answered its answer, call() is made and the frame kept."""

    def __init__(self, port, broker):
        self.key, self.answered, self.call = None, False, None
        self.number = None
        super().__init__(port, broker)

    def set(self, key, answered, call):
        with self.looking:
            self.key, self.answered, self.call = key, answered, call
            self.number = None

    def _trip(self):
        call, self.key, self.number = self.call, None, None
        call()
        return True

    def _keep(self, data, client):
        key, _, number = struct.unpack('>hhi', data[4:12])
        with self.looking:
            if key != self.key:
                return False
            if not self.answered:
                return self._trip()
            self.number, self.key = number, None
            return False

    def _keep_answer(self, data, broker):
        with self.looking:
            if self.number != struct.unpack('>i', data[4:8])[0]:
                return False
            return self._trip()


class Proxy(Wire):
    """The first Produce request (version 7, as librdkafka 2.0 sends it, or
    another with the same answer) for one topic does not reach the broker: after
    a while it is answered as a broker answers that does not know yet that it
    leads the partition.

    .produced: (time, correlation id) of the Produce requests for the topic;
    .answered: when the first one was answered."""

    def __init__(self, port, broker, topic, patience):
        self.topic, self.patience = topic.encode(), patience
        self.produced, self.answered = [], None
        super().__init__(port, broker)

    def _keep(self, data, client):
        """Whether the request is answered here."""
        key, _, number = struct.unpack('>hhi', data[4:12])
        if key != PRODUCE or self.topic not in data:
            return False
        with self.looking:
            self.produced.append((time.monotonic(), number))
            if len(self.produced) > 1:
                return False
        self._run(self._refuse, client, number)
        return True

    def _refuse(self, client, number):
        time.sleep(self.patience)
        # one topic, one partition: 0, error; offset, time, start, throttling
        body = (struct.pack('>iih', number, 1, len(self.topic)) + self.topic
                + struct.pack('>iihqqqi', 1, 0, NOT_LEADER, -1, -1, -1, 0))
        self.answered = time.monotonic()
        client.sendall(struct.pack('>i', len(body)) + body)


def frame(source):
    """One request or answer with its length."""
    head = exactly(source, 4)
    return head + exactly(source, struct.unpack('>i', head)[0])


def exactly(source, size):
    data = b''
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise ConnectionError('closed')
        data += more
    return data
