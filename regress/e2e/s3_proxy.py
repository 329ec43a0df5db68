"""s3_proxy.py: between the relay and a real S3 server, to answer in its place.

Requests pass as they are, signature and all; those that a planned fault waits
for do not, or not whole. Judges nothing.
"""
import http.client
import http.server
import socket
import threading

from tcp_proxy import hang_up

# error codes as S3 answers them
REFUSALS = {
    'slow down': (503, 'SlowDown'),
    'internal error': (500, 'InternalError'),
    'unavailable': (503, 'ServiceUnavailable'),
    'request timeout': (400, 'RequestTimeout'),
    'expired token': (400, 'ExpiredToken'),
    'access denied': (403, 'AccessDenied'),
}


class S3Proxy:
    """.endpoint is where the relay is led; .met lists (fault, method, path).

    Faults: those of REFUSALS; 'silence' (no answer, for ever), 'cut' (in the
    middle of a body), 'lost answer' (done, but who asked is not told).
    """

    def __init__(self, endpoint):
        self.server = endpoint.split('//')[1]
        self.met, self.planned = [], []
        self.lock = threading.Lock()
        self.over = threading.Event()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def log_message(self, *args):
                pass

        for method in ('GET', 'PUT', 'POST', 'HEAD', 'DELETE'):
            setattr(Handler, f'do_{method}', lambda self: proxy.serve(self))
        self.listener = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), Handler)
        self.listener.daemon_threads = True
        self.endpoint = f'http://127.0.0.1:{self.listener.server_port}'
        threading.Thread(target=self.listener.serve_forever,
                         daemon=True).start()

    def close(self):
        self.over.set()
        self.listener.shutdown()
        self.listener.server_close()

    def plan(self, fault, times=1, method='PUT', part=''):
        """The next requests with this method and this in their path meet the
        fault."""
        with self.lock:
            self.planned += [(fault, method, part)] * times

    def plan_nothing(self):
        with self.lock:
            self.planned = []

    def _fault(self, request):
        with self.lock:
            for planned in self.planned:
                fault, method, part = planned
                if request.command == method and part in request.path:
                    self.planned.remove(planned)
                    self.met.append((fault, method, request.path))
                    return fault
        return None

    def serve(self, request):
        size = int(request.headers.get('Content-Length') or 0)
        fault = self._fault(request)
        if fault == 'cut':
            request.rfile.read(size // 2)
            return self._hang_up(request)
        body = request.rfile.read(size)
        if fault == 'silence':
            while not self.over.wait(0.1) and not gone(request.connection):
                pass
            return self._hang_up(request)
        if fault in REFUSALS:
            return self._refuse(request, *REFUSALS[fault])
        answer, data = self._ask(request, body)
        if fault == 'lost answer':
            return self._hang_up(request)
        self._answer(request, answer, data)

    @staticmethod
    def _hang_up(request):
        request.close_connection = True
        hang_up(request.connection)

    def _ask(self, request, body):
        connection = http.client.HTTPConnection(self.server, timeout=30)
        try:
            connection.putrequest(request.command, request.path,
                                  skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() != 'connection':
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    @staticmethod
    def _answer(request, answer, data):
        request.send_response(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ('connection', 'transfer-encoding',
                                    'content-length', 'date', 'server'):
                request.send_header(name, value)
        length = answer.getheader('Content-Length')
        request.send_header('Content-Length', length
                            if request.command == 'HEAD' and length
                            else str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    @staticmethod
    def _refuse(request, status, code):
        data = (f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}'
                f'</Code><Message>planned</Message></Error>').encode()
        request.send_response(status)
        request.send_header('Content-Type', 'application/xml')
        request.send_header('Content-Length', str(len(data)))
        request.end_headers()
        if request.command != 'HEAD':
            request.wfile.write(data)


def gone(connection):
    """Whether the other side has hung up."""
    connection.settimeout(0)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b''
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(None)
