"""tcp_proxy.py: a TCP connection on which things go wrong.

	TcpProxy('127.0.0.1:5432')		in a test, to a port or a unix socket
	tcp_proxy.py PORT TARGET		a process; ends with the one that began it

Between a client and one server, both ways. What is to go wrong is set as an
attribute at any time and holds for what passes from then on. Judges nothing.
"""
import ctypes
import signal
import socket
import struct
import sys
import threading
import time

PIECE = 65536


class TcpProxy:
    """Clients connect to .port.

    latency     seconds that each piece of data waits
    bandwidth   bytes per second, each way
    slice       pieces of so many bytes at most, each sent by itself
    stalled     nothing passes, and nothing is said
    cut_after   so many bytes after it was set, all connections are reset
    stall_after so many bytes after it was set, it is stalled
    refusing    new connections are reset at once
    """

    def __init__(self, target, port=0):
        self.target = target
        self.latency, self.bandwidth, self.slice = 0, 0, PIECE
        self.stalled = self.refusing = False
        self.cut_after = self.stall_after = None
        self.accepted = self.cuts = 0
        self.lock = threading.Lock()
        self.pairs = set()
        self.listener = socket.create_server(('127.0.0.1', port))
        self.port = self.listener.getsockname()[1]
        self._run(self._accept)

    def heal(self):
        self.latency, self.bandwidth, self.slice = 0, 0, PIECE
        self.stalled = self.refusing = False
        self.cut_after = self.stall_after = None

    def reset(self):
        """Breaks every connection, as a router does that was restarted."""
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for end in pair:
                hang_up(end)

    def close(self):
        # a thread in accept would keep it open
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.reset()

    def _run(self, function, *args):
        threading.Thread(target=function, args=args, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return              # closed
            self.accepted += 1
            try:
                server = None if self.refusing else self._connect()
            except OSError:
                server = None       # away
            if server is None:
                hang_up(client)
                continue
            with self.lock:
                self.pairs.add((client, server))
            self._run(self._pass, client, server, True)
            self._run(self._pass, server, client, False)

    def _connect(self):
        if self.target.startswith('/'):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            return server
        host, port = self.target.rsplit(':', 1)
        server = socket.create_connection((host, int(port)))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server

    def _pass(self, source, target, upward):
        try:
            while data := self.read(source):
                if self.wants(data, source, upward):
                    self._send(target, data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            hang_up(source)
            hang_up(target)

    def read(self, source):
        """What is passed on as one; nothing at the end."""
        return source.recv(PIECE)

    def wants(self, data, source, upward):
        """Whether it is to be passed on."""
        return True

    def _send(self, target, data):
        while data:
            while self.stalled:
                time.sleep(0.02)
            piece, data = data[:self.slice], data[self.slice:]
            wait = self.latency
            if self.bandwidth:
                wait += len(piece) / self.bandwidth
            if wait:
                time.sleep(wait)
            self._count(len(piece))
            target.sendall(piece)

    def _count(self, size):
        with self.lock:
            if self.stall_after is not None:
                self.stall_after -= size
                if self.stall_after <= 0:
                    self.stalled, self.stall_after = True, None
            if self.cut_after is None:
                return
            self.cut_after -= size
            if self.cut_after > 0:
                return
            self.cut_after = None
            self.cuts += 1
        self.reset()
        raise ConnectionError('cut')


def hang_up(end):
    """With a reset, and whoever waits for it is woken."""
    try:
        if end.family == socket.AF_INET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack('ii', 1, 0))
        else:
            end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass                        # it is closed
    try:
        # close alone would leave a thread in recv
        end.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    end.close()


if __name__ == '__main__':
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    TcpProxy(sys.argv[2], int(sys.argv[1]))
    signal.pause()
