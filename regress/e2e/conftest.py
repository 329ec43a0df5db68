"""conftest.py: servers and relays for the tests.

Servers start when the first test wants them and live for the session;
databases, buckets and relays live for one test. On failure the relay's last
lines are shown.

	pg          a database of its own on the shared server (rig.Database)
	own_pg      the same on a server of its own, for tests that stop it
	kafka       the broker (rig.Kafka); topics carry the database's name
	kafka_sasl  the same: its sasl_url, username, password and ca are meant
	pair        a server of its own and what becomes its standby (Pair)
	rds_db      a database on a server with the manners of RDS (rds.RdsDatabase)
	agent       hands out AWS keys as a container's agent does (rds.Agent)
	s3          a bucket of its own (rig.Bucket)
	registry    the schema registry (rig.Registry); subjects carry the database's
	            name as topics do
	relay       relay(*args) starts one; relay.run(*args) waits for its end;
	            relay.stream(pg, sink...) streams a publication into sinks
"""
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import rds  # noqa: E402
import rig  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: takes more than ten seconds')
    rig.core_files_off()
    # an ordinary end runs the fixtures' ends
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == 'call' and report.failed:
        makers = item.funcargs.get('relay')
        for number, process in enumerate(getattr(makers, 'all', []), 1):
            report.sections.append((
                f'relay {number}: {" ".join(process.args)}',
                '\n'.join(process.lines[-40:])))


def closing(server):
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope='session')
def postgres():
    yield from closing(rig.Postgres())


@pytest.fixture(scope='session')
def kafka_server():
    yield from closing(rig.Kafka())


@pytest.fixture(scope='session')
def moved_kafka():
    """A broker that clients find at .public_port, where a test puts a
    proxy."""
    port = rig.free_port()
    server = rig.Kafka(settings=[
        f'advertised.listeners=PLAINTEXT://127.0.0.1:{port},'
        'SASL_SSL://localhost:1'])
    server.public_port = port
    yield from closing(server)


@pytest.fixture(scope='session')
def s3_server():
    yield from closing(rig.S3())


@pytest.fixture(scope='session')
def registry_server():
    yield from closing(rig.Registry())


@pytest.fixture
def registry(registry_server):
    return registry_server


@pytest.fixture
def pg(postgres):
    database = postgres.new_database()
    yield database
    database.close()


@pytest.fixture
def own_pg():
    server = rig.Postgres(settings=['wal_sender_timeout=5s'])
    try:
        server.start()
        yield server.new_database()
    finally:
        server.close()


class Pair:
    """A primary, whose database is .first, and a standby made by copy(): the
    same database there is .second."""

    def __init__(self):
        self.primary = rig.Postgres(settings=['wal_sender_timeout=5s'])
        self.standby = None

    def start(self):
        self.primary.start()
        self.first = self.primary.new_database()
        return self

    def copy(self, *settings, follow=True):
        """Copies the primary as it is now; without follow the copy knows
        nothing of it. Starts both."""
        version = self.primary.version
        if follow:
            settings += (
                f'primary_conninfo=host={self.primary.host} '
                f'port={self.primary.port} user={self.primary.user} '
                f'dbname=postgres application_name=standby',
                'primary_slot_name=standby_slot', 'hot_standby_feedback=on')
            self.primary.admin.sql("select pg_create_physical_replication_slot"
                                   "('standby_slot', true)")
            if version >= 170000:
                settings += ('sync_replication_slots=on',)
        self.primary.stop()
        self.standby = self.primary.standby(*settings)
        self.primary.start()
        self.standby.start()
        self.second = self.first.on(self.standby)

    @property
    def conninfo(self):
        """Whichever of the two takes writes."""
        servers = self.primary, self.standby
        return (f'host={",".join(s.host for s in servers)} '
                f'port={",".join(str(s.port) for s in servers)} '
                f'user={self.primary.user} dbname={self.first.dbname} '
                f'target_session_attrs=read-write')

    def caught_up(self):
        """Waits until the standby has replayed all there is."""
        end = self.first.wal_position()
        rig.wait_until(lambda: rig.lsn(self.second.value(
            'select pg_last_wal_replay_lsn()')) >= end, what='replay')

    def close(self):
        for server in self.standby, self.primary:
            if server is not None:
                server.close()


@pytest.fixture
def pair():
    servers = Pair()
    try:
        yield servers.start()
    finally:
        servers.close()


@pytest.fixture(scope='session')
def rds_server():
    yield from closing(rds.Rds())


@pytest.fixture
def rds_db(rds_server):
    database = rds_server.new_database()
    yield database
    database.close()


@pytest.fixture
def agent():
    one = rds.Agent()
    yield one
    one.close()


@pytest.fixture
def kafka(kafka_server):
    return kafka_server


@pytest.fixture
def kafka_sasl(kafka_server):
    return kafka_server


@pytest.fixture
def s3(s3_server):
    bucket = s3_server.new_bucket()
    yield bucket
    bucket.close()


class RelayMaker:
    """Starts relays and ends those that a test leaves behind."""

    def __init__(self):
        self.all = []

    def __call__(self, *args, **how):
        process = rig.Relay(args, **how)
        self.all.append(process)
        return process

    def run(self, *args, timeout=60, **how):
        """Runs to its end: the process with exit code in .code."""
        process = self(*args, **how)
        process.code = process.wait(timeout)
        return process

    def stream(self, pg, *sinks, slot=None, options=(), publication='pub',
               wait=True, **how):
        """Streams a publication into sinks; with wait until it has begun."""
        args = [*pg.args, '-S', slot or pg.slot, '--start']
        if publication:
            args += ['-o', f'publication_names={publication}']
        for sink in sinks:
            args += ['--sink', str(sink)]
        process = self(*args, *options, **how)
        return process.wait_streaming() if wait else process

    def close(self):
        for process in self.all:
            process.kill()
            process.stdout.close()


@pytest.fixture
def relay(pg_last):
    maker = RelayMaker()
    yield maker
    maker.close()


@pytest.fixture
def pg_last(request):
    """Databases are made before relays, so that relays end first."""
    for name in ('pg', 'own_pg', 'pair', 'rds_db'):
        if name in request.fixturenames:
            request.getfixturevalue(name)
