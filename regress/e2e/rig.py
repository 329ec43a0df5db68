"""rig.py: what the end-to-end tests and the bench drive.

Thin handles around the servers of regress/rig and around the relay's process.
Knows how to start, watch and stop them; judges nothing: assertions are the
tests' business.
"""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
RIG = TOP / 'regress' / 'rig'
PLAIN_BIN = Path(os.environ.get('PG_FANOUT_PLAIN_BIN',
                                TOP / 'relay' / 'build' / 'pg_fanout'))
BIN = Path(os.environ.get('PG_FANOUT_BIN', PLAIN_BIN))


# Exit codes of the relay, as relay/error.h has them.
class Exit:
    OK, INTERNAL, USAGE, SECRET_FILE, CONNECT, AUTH = range(6)
    SLOT_MISSING, SLOT_IN_USE, SLOT_UNUSABLE, PLUGIN_REFUSED = range(6, 10)
    PUBLICATION, SOURCE, CHECKPOINT = range(10, 13)
    SINK_SETUP, SINK_WRITE, RECORD, DISK = range(13, 17)
    SYSTEM, TIMELINE, DIVERGED, SLOT_RECREATED = range(17, 21)
    SLOT_INVALIDATED, SLOT_DROPPED, RETAINED_WAL, SLOT_GIVEN_UP = range(21, 25)
    SPOOL, SPOOL_FULL = 30, 31
    SNAPSHOT = 28
    TWO_WRITERS, VERIFY = 26, 27
    SKIP = 32
    SINK_SHARED = 25


def wait_until(condition, timeout=90, interval=0.05, what='condition'):
    """The first true answer of condition(); AssertionError after timeout."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f'{what} not reached within {timeout} s')
        time.sleep(interval)


def lsn(text):
    """'0/16B3748' as a number."""
    high, low = text.split('/')
    return (int(high, 16) << 32) | int(low, 16)


def lsn_text(number):
    return f'{number >> 32:X}/{number & 0xFFFFFFFF:X}'


def private_dir(name):
    """A directory under which PostgreSQL's account may work."""
    out = subprocess.run(
        ['bash', '-c', '. "$0/lib.sh"; private_dir "$1"', str(RIG), name],
        check=True, capture_output=True, text=True)
    return Path(out.stdout.strip())


def free_port():
    out = subprocess.run(['bash', '-c', '. "$0/lib.sh"; free_port', str(RIG)],
                         check=True, capture_output=True, text=True)
    return int(out.stdout)


def psql(database, path):
    """Runs a script as psql does, up to the first error."""
    subprocess.run(
        ['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', path],
        check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        env=dict(os.environ, PGHOST=database.host, PGPORT=str(database.port),
                 PGUSER=database.user, PGDATABASE=database.dbname))


class Server:
    """A server that one of regress/rig's scripts starts and stops."""
    script = None

    def __init__(self, directory=None, settings=(), env=None):
        self.base = None if directory else private_dir(self.script)
        self.directory = Path(directory) if directory else self.base / 's'
        self.settings = list(settings)
        self.environ = dict(os.environ, RIG_OWNER=str(os.getpid()),
                            **(env or {}))
        self.facts = {}

    def rig(self, command, *args):
        # into a file: a server would keep a pipe open
        with tempfile.TemporaryFile('w+') as log:
            done = subprocess.run(
                [RIG / self.script, command, self.directory, *args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environ)
            log.seek(0)
            if done.returncode:
                raise RuntimeError(
                    f'{self.script} {command} failed: {log.read()}')

    def start(self):
        self.rig('start', *self.settings)
        for line in (self.directory / 'env').read_text().splitlines():
            name, value = line.split('=', 1)
            self.facts[name] = value
        return self

    def stop(self, *mode):
        self.rig('stop', *mode)

    def close(self):
        self.stop()
        if self.base:
            shutil.rmtree(self.base, ignore_errors=True)

    @property
    def pid(self):
        return int((self.directory / 'pid').read_text())

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)


def server_major():
    """Version of the server that tests run on (PG_CONFIG)."""
    out = subprocess.run([os.environ.get('PG_CONFIG', 'pg_config'),
                          '--version'], capture_output=True, text=True)
    return int(re.search(r'(\d+)', out.stdout)[1])


class Postgres(Server):
    """A private server; databases are made by new_database()."""
    script = 'postgres'
    made = 0

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.databases = []

    def start(self):
        super().start()
        self.host = self.facts['PGHOST']
        self.port = int(self.facts['PGPORT'])
        self.user = self.facts['PGUSER']
        self.password = self.facts['PGPASSWORD']
        self.admin = Database(self, 'postgres')
        self.version = int(self.admin.value('show server_version_num'))
        return self

    def stop(self, *mode):
        super().stop(*mode)
        for database in self.databases:
            database.disconnect()

    def close(self):
        self.stop('immediate')
        if self.base:
            shutil.rmtree(self.base, ignore_errors=True)

    def restart(self, mode='fast'):
        self.rig('restart', mode)
        for database in self.databases:
            database.disconnect()

    def reload(self):
        self.rig('reload')

    def standby(self, *settings):
        """A copy of this server, which is stopped; start() makes it a
        standby."""
        other = Postgres()
        other.rig('standby', self.directory, *settings)
        return other

    def promote(self):
        self.admin.sql('select pg_promote()')

    @property
    def pid(self):
        return int((self.directory / 'data' / 'postmaster.pid')
                   .read_text().split('\n')[0])

    @property
    def log_path(self):
        return self.directory / 'data' / 'server.log'

    @property
    def can_restrict_plugins(self):
        """Whether the server has output_plugin_libraries."""
        return bool(self.admin.rows("select 1 from pg_settings where name = "
                                    "'output_plugin_libraries'"))

    def new_database(self, name=None, options=''):
        Postgres.made += 1
        database = Database(self, name or f'db{os.getpid()}_{self.made}')
        self.admin.sql(f'create database {database.dbname} {options}')
        return database


class Database:
    """One database, with a connection of its own in autocommit."""

    def __init__(self, server, dbname):
        self.server = server
        self.dbname = dbname
        self.slot = f'{dbname}_slot'
        self.connection = None
        server.databases.append(self)

    host = property(lambda self: self.server.host)
    port = property(lambda self: self.server.port)
    user = property(lambda self: self.server.user)
    password = property(lambda self: self.server.password)
    version = property(lambda self: self.server.version)

    def on(self, server):
        """The same database on another server."""
        return Database(server, self.dbname)

    @property
    def conninfo(self):
        return (f'host={self.host} port={self.port} user={self.user} '
                f'dbname={self.dbname}')

    @property
    def args(self):
        """The relay's connection options."""
        return ['-d', self.dbname, '-h', self.host, '-p', str(self.port),
                '-U', self.user]

    def connect(self, autocommit=True, **more):
        import psycopg2
        connection = psycopg2.connect(
            host=self.host, port=self.port, user=self.user,
            dbname=self.dbname, **more)
        connection.autocommit = autocommit
        return connection

    def cursor(self):
        if self.connection is None or self.connection.closed:
            self.connection = self.connect()
        return self.connection.cursor()

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def sql(self, text, parameters=None):
        """Runs it; its rows if it has any. Several statements are one
        transaction, as in a simple query."""
        with self.cursor() as cursor:
            cursor.execute(text, parameters)
            return cursor.fetchall() if cursor.description else []

    rows = sql

    def value(self, text, parameters=None):
        rows = self.sql(text, parameters)
        return rows[0][0] if rows else None

    def transaction(self, *statements):
        """The statements in one transaction."""
        with self.connect(autocommit=False) as connection:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        connection.close()

    def set_to(self, name, value):
        """A setting of the whole server; the server has read it then."""
        self.sql(f"alter system set {name} = '{value}'")
        self.server.reload()
        wait_until(lambda: self.value(f'show {name}') == value,
                   what='the reload')

    # ---- replication ----

    def publication(self, name='pub', tables=None):
        """Makes a publication for some tables, or for all."""
        what = f'table {", ".join(tables)}' if tables else 'all tables'
        self.sql(f'create publication {name} for {what}')
        return name

    def create_slot(self, name=None, plugin='pg_fanout'):
        name = name or self.slot
        self.sql('select pg_create_logical_replication_slot(%s, %s)',
                 (name, plugin))
        return name

    def drop_slot(self, name=None):
        self.sql('select pg_drop_replication_slot(%s)', (name or self.slot,))

    def slot_info(self, name=None):
        """The slot's row of pg_replication_slots as a dict, or None."""
        return self.value('select to_jsonb(s) from pg_replication_slots s '
                          'where slot_name = %s', (name or self.slot,))

    def confirmed(self, name=None):
        """The slot's confirmed position as a number."""
        return lsn(self.slot_info(name)['confirmed_flush_lsn'])

    def wal_position(self):
        """Where the server's WAL is inserted, as a number."""
        return lsn(self.value('select pg_current_wal_insert_lsn()'))

    def wait_confirmed(self, position=None, slot=None, timeout=120):
        """Waits until the slot is confirmed up to position (default: now)."""
        if position is None:
            position = self.wal_position()
        wait_until(lambda: self.confirmed(slot) >= position, timeout,
                   what=f'confirmation of {lsn_text(position)}')
        return position

    def walsender(self, slot=None):
        """The process id of the slot's walsender, or None."""
        return (self.slot_info(slot) or {}).get('active_pid')

    def close(self):
        """Drops the database with its slots."""
        admin = self.server.admin
        mine = [row[0] for row in admin.rows(
            'select slot_name from pg_replication_slots where database = %s',
            (self.dbname,))]
        for name in mine:
            admin.sql('select pg_terminate_backend(active_pid) from '
                      'pg_replication_slots where slot_name = %s', (name,))
            wait_until(lambda: not admin.value(
                'select active from pg_replication_slots where '
                'slot_name = %s', (name,)), what=f'release of slot {name}')
            admin.sql('select pg_drop_replication_slot(%s)', (name,))
        self.disconnect()
        self.server.databases.remove(self)
        admin.sql(f'drop database {self.dbname} with (force)')


class Kafka(Server):
    """A private broker; read() reads topics back by an own client."""
    script = 'kafka'

    def start(self):
        super().start()
        self.bootstrap = self.facts['KAFKA_BOOTSTRAP']
        self.url = f'kafka://{self.bootstrap}'
        self.sasl_bootstrap = self.facts['KAFKA_SASL_BOOTSTRAP']
        self.sasl_url = f'kafka://{self.sasl_bootstrap}'
        self.username = self.facts['KAFKA_SASL_USER']
        self.password = self.facts['KAFKA_SASL_PASSWORD']
        self.ca = self.facts['KAFKA_CA']
        from confluent_kafka.admin import AdminClient
        self.admin = AdminClient({'bootstrap.servers': self.bootstrap,
                                  'log_level': 0})
        return self

    def topics(self):
        """Names of all topics, without Kafka's own."""
        return sorted(name
                      for name in self.admin.list_topics(timeout=20).topics
                      if not name.startswith('__consumer')
                      and not name.startswith('__transaction'))

    def read(self, topic, bootstrap=None, isolation='read_committed'):
        """All records of a topic, by partition and offset."""
        return read_topic(bootstrap or self.bootstrap, topic, isolation)


class Record:
    """One record as a consumer sees it; key and value are bytes or None."""
    __slots__ = ('topic', 'partition', 'offset', 'key', 'value', 'headers')

    def __init__(self, message):
        self.topic = message.topic()
        self.partition = message.partition()
        self.offset = message.offset()
        self.key = message.key()
        self.value = message.value()
        self.headers = dict(message.headers() or [])

    def __repr__(self):
        return (f'<{self.topic}/{self.partition}@{self.offset} '
                f'{self.key!r} {self.value!r}>')


def read_topic(bootstrap, topic, isolation='read_committed'):
    from confluent_kafka import Consumer, KafkaError, TopicPartition
    consumer = Consumer({
        'bootstrap.servers': bootstrap, 'group.id': 'rig-reader',
        'enable.auto.commit': False, 'enable.partition.eof': True,
        'isolation.level': isolation, 'auto.offset.reset': 'earliest',
        'allow.auto.create.topics': False})
    try:
        found = consumer.list_topics(topic, timeout=20).topics[topic]
        if found.error is not None:
            return []
        open_partitions = set(found.partitions)
        consumer.assign([TopicPartition(topic, p, 0)
                         for p in open_partitions])
        records = []
        deadline = time.monotonic() + 60
        while open_partitions:
            assert time.monotonic() < deadline, f'{topic} could not be read'
            for message in consumer.consume(1000, timeout=0.2):
                if message.error() is None:
                    records.append(Record(message))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
                else:
                    raise AssertionError(str(message.error()))
        return sorted(records, key=lambda r: (r.partition, r.offset))
    finally:
        consumer.close()


class S3(Server):
    """A private S3 server with one bucket per test."""
    script = 's3'
    made = 0

    def start(self):
        super().start()
        self.endpoint = self.facts['S3_ENDPOINT']
        self.access_key = self.facts['S3_ACCESS_KEY']
        self.secret_key = self.facts['S3_SECRET_KEY']
        return self

    def restart(self):
        """Stops it and starts it again at the same address."""
        self.stop()
        self.rig('start', self.endpoint.rsplit(':', 1)[1])

    @property
    def client(self):
        import boto3
        from botocore.config import Config
        return boto3.client(
            's3', endpoint_url=self.endpoint, region_name='us-east-1',
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={'addressing_style': 'path'}))

    @property
    def env(self):
        """The credentials as the relay takes them from its environment."""
        return {'AWS_ACCESS_KEY_ID': self.access_key,
                'AWS_SECRET_ACCESS_KEY': self.secret_key,
                'AWS_REGION': 'us-east-1'}

    def new_bucket(self):
        S3.made += 1
        return Bucket(self, f'bucket-{os.getpid()}-{S3.made}')


class Registry(Server):
    """A private schema registry; compatibility is BACKWARD."""
    script = 'registry'

    def start(self):
        super().start()
        self.url = self.facts['REGISTRY_URL']
        return self

    def call(self, method, path, body=None):
        """The answer's JSON; None: not found."""
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'Content-Type': 'application/vnd.schemaregistry.v1+json'})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def subjects(self, prefix=''):
        return sorted(subject for subject in self.call('GET', '/subjects')
                      if subject.startswith(prefix))

    def versions(self, subject):
        """Text of each version, in their order."""
        path = f'/subjects/{urllib.parse.quote(subject, safe="")}/versions'
        return [self.call('GET', f'{path}/{number}')['schema']
                for number in self.call('GET', path) or []]

    def schema(self, number):
        return self.call('GET', f'/schemas/ids/{number}')['schema']


class Bucket:
    """One bucket of the S3 server; empties itself on close."""

    def __init__(self, server, name):
        self.server = server
        self.bucket = name
        self.client = server.client
        self.client.create_bucket(Bucket=name)

    endpoint = property(lambda self: self.server.endpoint)
    access_key = property(lambda self: self.server.access_key)
    secret_key = property(lambda self: self.server.secret_key)
    env = property(lambda self: self.server.env)

    def url(self, prefix='', **options):
        options = dict(endpoint=self.endpoint, **options)
        query = '&'.join(f'{name}={value}' for name, value in options.items())
        return f's3://{self.bucket}/{prefix}?{query}'

    def keys(self, prefix='', hidden=False):
        """Names of all objects; without those of the relay's own use."""
        pages = self.client.get_paginator('list_objects_v2').paginate(
            Bucket=self.bucket, Prefix=prefix)
        names = [item['Key'] for page in pages
                 for item in page.get('Contents', [])]
        return sorted(name for name in names
                      if hidden or '_pg_fanout/' not in name)

    def read(self, key):
        return self.client.get_object(Bucket=self.bucket,
                                      Key=key)['Body'].read()

    def close(self):
        for name in self.keys(hidden=True):
            self.client.delete_object(Bucket=self.bucket, Key=name)


# SPOOL=directory: every relay has a spool there, one for each slot. For
# running any test that way.
SPOOL = os.environ.get('SPOOL')


def spool_options(args):
    args = list(map(str, args))
    if not SPOOL or '--start' not in args or '-S' not in args:
        return []
    os.makedirs(SPOOL, exist_ok=True)
    return spool(Path(SPOOL).absolute() / args[args.index('-S') + 1])


def spool(directory, limit=None, full=None):
    """The relay's options for a spool."""
    options = ['--spool', 'on', '--spool-backlog-directory', directory]
    if limit:
        options += ['--spool-backlog-limit', limit]
    if full:
        options += ['--spool-full', full]
    return options


class Relay:
    """A relay process: its standard error is read as it comes."""

    def __init__(self, args, env=None, binary=None, stdin=None, cwd=None,
                 wrap=(), **more):
        args = [*args, *spool_options(args)]
        self.args = [str(binary or BIN), *map(str, args)]
        environ = {name: value for name, value in os.environ.items()
                   if not name.startswith(('PG', 'AWS_'))}
        environ['LC_ALL'] = 'C'
        # no test asks the machine it runs on for keys
        environ['AWS_EC2_METADATA_DISABLED'] = 'true'
        environ.setdefault('ASAN_OPTIONS', 'detect_leaks=1')
        environ.update({k: str(v) for k, v in (env or {}).items()})
        self.lines = []
        self.news = threading.Condition()
        self.stdout = tempfile.TemporaryFile()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*wrap, *self.args], stdin=stdin or subprocess.DEVNULL,
            stdout=more.pop('stdout', self.stdout), stderr=subprocess.PIPE,
            env=environ, cwd=cwd, errors='replace', text=True, **more)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.rstrip('\n'))
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    pid = property(lambda self: self.process.pid)

    @property
    def stderr(self):
        with self.news:
            return '\n'.join(self.lines) + '\n'

    @property
    def running(self):
        return self.process.poll() is None

    @property
    def output(self):
        """What it wrote to standard output, as bytes."""
        self.stdout.seek(0)
        return self.stdout.read()

    def wait_for(self, pattern, timeout=90, after=0):
        """The match of the first line (from line number after) in which the
        pattern is found; AssertionError if it ends or takes too long."""
        pattern = re.compile(pattern)
        deadline = time.monotonic() + timeout
        seen = after
        with self.news:
            while True:
                for seen in range(seen, len(self.lines)):
                    match = pattern.search(self.lines[seen])
                    if match:
                        return match
                seen = len(self.lines)
                over = time.monotonic() > deadline
                if over or (not self.running and not self.reader.is_alive()):
                    raise AssertionError(
                        f'no line with {pattern.pattern!r} from the relay '
                        f'({"time is up" if over else "it ended"}):\n'
                        + '\n'.join(self.lines[-40:]))
                self.news.wait(0.1)

    def wait_streaming(self, timeout=90, after=0):
        self.wait_for('streaming from slot', timeout, after)
        return self

    def wait(self, timeout=60):
        """Its exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f'the relay did not end within {timeout} s:\n'
                + '\n'.join(self.lines[-40:])) from None
        self.reader.join(10)
        self.check_sanitizers()
        return code

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=60):
        """SIGTERM and its exit code; a clean stop is expected."""
        if self.running:
            self.signal(signal.SIGTERM)
        code = self.wait(timeout)
        assert code == 0, f'exit code {code}:\n{self.stderr}'
        return code

    def kill(self):
        """SIGKILL."""
        if self.running:
            self.process.kill()
        self.process.wait(30)
        self.reader.join(10)
        self.check_sanitizers()

    def check_sanitizers(self):
        text = self.stderr
        bad = re.search(r'(AddressSanitizer|LeakSanitizer|runtime error:'
                        r'|Assertion `)', text)
        assert not bad, text

    def memory(self):
        """(VmRSS, VmHWM) in bytes."""
        status = Path(f'/proc/{self.pid}/status').read_text()
        return tuple(int(re.search(rf'{name}:\s+(\d+) kB', status)[1]) * 1024
                     for name in ('VmRSS', 'VmHWM'))

    def cpu_seconds(self):
        return cpu_seconds(self.pid)


def cpu_seconds(pid):
    """User and system CPU seconds a process used so far."""
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def has_ended(pid):
    """Whether the process is gone, or nobody has taken notice yet."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
        return stat.rsplit(')', 1)[1].split()[0] in 'ZX'
    except FileNotFoundError:
        return True


def core_files_off():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
