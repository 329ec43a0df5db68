"""kafka_proxy.py: between a client and one broker, to answer in its place.

Passes frames on both ways. The first Produce request (version 7, as librdkafka
2.0 sends it, or another with the same answer) for one topic does not reach the
broker: after a while it is answered as a broker answers that does not know yet
that it leads the partition. Judges nothing.
"""
import struct
import threading
import time

from tcp_proxy import TcpProxy

PRODUCE = 0
NOT_LEADER = 6


class Proxy(TcpProxy):
    """.produced: (time, correlation id) of the Produce requests for the topic;
    .answered: when the first one was answered."""

    def __init__(self, port, broker, topic, patience):
        self.topic = topic.encode()
        self.patience = patience
        self.produced, self.answered = [], None
        self.counting = threading.Lock()
        super().__init__(f'127.0.0.1:{broker}', port)

    def read(self, source):
        return frame(source)

    def wants(self, data, source, upward):
        return not (upward and self._keep(data, source))

    def _keep(self, data, client):
        """Whether the request is answered here."""
        key, _, number = struct.unpack('>hhi', data[4:12])
        if key != PRODUCE or self.topic not in data:
            return False
        with self.counting:
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
