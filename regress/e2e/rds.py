"""rds.py: a stand-in for Amazon RDS.

A server with RDS's manners (regress/rig/rds) and what stands in for AWS beside
it: an LDAP server of a few lines, which the server asks whether a password is
right, and which takes a token only if botocore makes the same one from the
keys it knows; and a container's agent that hands out keys. Judges tokens;
everything else is the tests' business.
"""
import datetime
import http.server
import json
import socket
import socketserver
import ssl
import threading
import time
import unittest.mock
from urllib.parse import parse_qs

import rig

REGION = 'eu-west-1'
HOST = f'fan.c0ffee.{REGION}.rds.amazonaws.com'
LIFE = datetime.timedelta(minutes=15)


def ber(tag, content):
    size = len(content)
    assert size < 128
    return bytes([tag, size]) + content


def unber(data):
    """(tag, content, rest) of a BER value."""
    tag, size, at = data[0], data[1], 2
    if size & 0x80:
        count = size & 0x7f
        size, at = int.from_bytes(data[2:2 + count], 'big'), 2 + count
    return tag, data[at:at + size], data[at + size:]


class Authority:
    """Says which tokens are good. keys: id -> (secret, session token).
    Every token that was presented stays in .seen as (user, reason), reason ''
    if it was good, and in .tokens."""

    def __init__(self):
        self.keys = {}
        self.seen = []
        self.tokens = []
        authority = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                authority.serve(self.request)

        self.server = socketserver.ThreadingTCPServer(('127.0.0.1', 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def serve(self, connection):
        """Answers the simple binds of one connection."""
        data = b''
        while True:
            more = connection.recv(65536)
            if not more:
                return
            data += more
            if len(data) < 6:
                continue
            _, message, rest = unber(data)
            if len(message) < self.length(data):
                continue
            data = rest
            _, number, operation = unber(message)
            kind, bind, _ = unber(operation)
            if kind != 0x60:    # unbind and others end it
                return
            _, _, bind = unber(bind)
            _, user, bind = unber(bind)
            _, password, _ = unber(bind)
            code = self.judge(user.decode(), password.decode())
            answer = ber(0x61, ber(0x0a, bytes([code])) + ber(4, b'') +
                         ber(4, b''))
            connection.sendall(ber(0x30, ber(2, number) + answer))

    @staticmethod
    def length(data):
        """What the first value's header says."""
        if data[1] & 0x80:
            return int.from_bytes(data[2:2 + (data[1] & 0x7f)], 'big')
        return data[1]

    def judge(self, user, token):
        """0, or LDAP's code for wrong credentials."""
        try:
            reason = self.fault(user, token)
        except (KeyError, ValueError) as error:
            reason = f'no token: {error!r}'
        self.tokens.append(token)
        self.seen.append((user, reason))
        return 49 if reason else 0

    def fault(self, user, token):
        place, _, query = token.partition('/?')
        given = {name: values[0] for name, values in parse_qs(
            query, keep_blank_values=True, strict_parsing=True).items()}
        when = datetime.datetime.strptime(given['X-Amz-Date'],
                                          '%Y%m%dT%H%M%SZ')
        key, _, region, service, _ = given['X-Amz-Credential'].split('/')
        host, _, port = place.rpartition(':')
        if key not in self.keys:
            return f'key {key} is not known'
        if abs(datetime.datetime.utcnow() - when) > LIFE:
            return 'expired'
        ours = self.make(key, host, int(port), user, region, when)
        if parse_qs(ours.partition('/?')[2]) != parse_qs(query):
            return f'botocore makes {ours}, not {token}'
        if host != HOST or region != REGION or service != 'rds-db':
            return f'meant for {place}, {region}, {service}'
        return ''

    def make(self, key, host, port, user, region, when):
        """botocore's token, with its clock held."""
        import boto3
        secret, session = self.keys[key]
        client = boto3.client('rds', region_name=region,
                              aws_access_key_id=key,
                              aws_secret_access_key=secret,
                              aws_session_token=session)
        with unittest.mock.patch('botocore.auth.get_current_datetime',
                                 lambda *args, **kwargs: when):
            return client.generate_db_auth_token(host, port, user)


class Agent:
    """A container's agent that hands out keys for a while, in seconds. .asked
    counts the questions; .env leads the relay here."""

    def __init__(self):
        self.asked = 0
        agent = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                agent.asked += 1
                body = agent.answer().encode()
                self.send_response(200)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      Handler)
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def env(self):
        return {'AWS_CONTAINER_CREDENTIALS_FULL_URI':
                f'http://127.0.0.1:{self.server.server_port}/keys'}

    def hand_out(self, key, secret, token='', life=3600):
        self.keys = {'AccessKeyId': key, 'SecretAccessKey': secret,
                     'Token': token}
        self.life = life

    def answer(self):
        end = time.gmtime(time.time() + self.life)
        return json.dumps(dict(self.keys, Expiration=time.strftime(
            '%Y-%m-%dT%H:%M:%SZ', end)))


class RdsDatabase(rig.Database):
    """A database that belongs to the role app, as on RDS no superuser does.
    Connections of the tests themselves are the superuser's."""

    def where(self, user='app', **more):
        """Connection options of the relay, as one string."""
        facts = dict(dict(host=HOST, hostaddr='127.0.0.1', port=self.port,
                          user=user, dbname=self.dbname), **more)
        return ' '.join(f'{name}={value}' for name, value in facts.items()
                        if value is not None)

    @property
    def env(self):
        """By password, and trusting the server's authority."""
        return {'PGPASSWORD': self.server.app_password,
                'PGSSLROOTCERT': self.server.ca}

    def as_app(self, user='app'):
        """A connection as that role (tests' own, over the socket)."""
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(f'set session authorization {user}')
        return connection

    def app_sql(self, text, user='app'):
        with self.as_app(user) as connection:
            with connection.cursor() as cursor:
                cursor.execute(text)
        connection.close()


class Rds(rig.Postgres):
    script = 'rds'
    app_password = 'app-password'

    def __init__(self, **how):
        self.authority = Authority()
        super().__init__(env={'RDS_IAM_PORT': str(self.authority.port)},
                         **how)

    def start(self):
        super().start()
        tls = self.directory / 'tls'
        self.tls = tls
        self.ca = str(tls / 'ca.crt')
        for role, what in (
                ('rds_superuser', ''), ('rds_replication', ''),
                ('rds_iam', ''),
                ('app', f"login replication password '{self.app_password}' "
                        'in role rds_replication'),
                ('iam', 'login replication in role rds_replication, rds_iam'),
                ('reader', f"login password '{self.app_password}'")):
            self.admin.sql(f'create role {role} {what}')
        return self

    def close(self):
        super().close()
        self.authority.close()

    def new_database(self):
        rig.Postgres.made += 1
        database = RdsDatabase(self, f'rds{self.made}')
        self.admin.sql(f'create database {database.dbname} owner app')
        database.sql('revoke create on schema public from public;'
                     'create schema app authorization app')
        database.app_sql('create table app.item (id int primary key, '
                         'note text)')
        return database

    def use_certificate(self, name):
        """server, expired or stranger."""
        path = self.tls / f'{name}.crt'
        self.set(ssl_cert_file=path)
        wanted = ssl.PEM_cert_to_DER_cert(path.read_text())
        rig.wait_until(lambda: self.shown_certificate() == wanted)

    def shown_certificate(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(('127.0.0.1', self.port)) as plain:
            plain.sendall(bytes.fromhex('00000008 04d2162f'))
            assert plain.recv(1) == b'S'
            with context.wrap_socket(plain) as secure:
                return secure.getpeercert(binary_form=True)

    def set(self, **settings):
        """Changes settings, None: back to what they were, and waits until
        the server goes by them."""
        for name, value in settings.items():
            self.admin.sql(f'alter system reset {name}' if value is None else
                           f"alter system set {name} = '{value}'")
        before = self.admin.value('select pg_conf_load_time()')
        self.reload()
        rig.wait_until(lambda: self.admin.value(
            'select pg_conf_load_time()') > before)
