"""test_registry.py: records with schema ids, a real registry and a real broker.

What the relay writes is read by Confluent's own deserializers. The registry
forgets nothing while a test stops and starts relays; a proxy before it refuses
connections, asks for a password and speaks TLS where a test wants that.
"""
import base64
import http.server
import io
import json
import ssl
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import rig
from test_proto import (COLUMNS, Schema, compile_go, compile_java, names,
                        quoted)

pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')


# ---- a proxy before the registry ----

class Proxy:
    """Passes requests on to the registry, each on a connection of its own; off
    it refuses connections."""

    def __init__(self, url, user=None, tls=None):
        self.target = url
        self.user = user
        self.tls = tls
        self.port = rig.free_port()
        self.requests = []
        self.server = None
        scheme = 'https' if tls else 'http'
        self.url = f'{scheme}://localhost:{self.port}'

    def on(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def answer(self, status, body):
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                size = int(self.headers.get('Content-Length') or 0)
                self.pass_on(self.rfile.read(size))

            def do_GET(self):
                self.pass_on(None)

            def pass_on(self, body):
                proxy.requests.append((self.command, self.path))
                if proxy.user and self.headers.get('Authorization') != \
                        'Basic ' + base64.b64encode(
                            ':'.join(proxy.user).encode()).decode():
                    self.answer(401, b'{"error_code":401,"message":"who?"}')
                    return
                request = urllib.request.Request(
                    proxy.target + self.path, body, method=self.command,
                    headers={'Content-Type': self.headers['Content-Type']})
                try:
                    with urllib.request.urlopen(request, timeout=20) as got:
                        self.answer(got.status, got.read())
                except urllib.error.HTTPError as error:
                    self.answer(error.code, error.read())

        self.server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', self.port), Handler)
        self.server.daemon_threads = True
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket,
                                                     server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()
        return self

    def off(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None


@pytest.fixture
def proxies(registry):
    made = []

    def make(**how):
        made.append(Proxy(registry.url, **how))
        return made[-1]
    yield make
    for proxy in made:
        proxy.off()


# ---- reading ----

def unframe(data, protobuf=True):
    """(schema id, what stands behind it)"""
    size = 6 if protobuf else 5
    assert data[0] == 0 and (not protobuf or data[5] == 0)
    return struct.unpack('>I', data[1:5])[0], data[size:]


def deserialize(message_class, data):
    """By Confluent's own reader of protobuf."""
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
    from confluent_kafka.serialization import (MessageField,
                                               SerializationContext)
    reader = ProtobufDeserializer(message_class,
                                  {'use.deprecated.format': False})
    return reader(data, SerializationContext('t', MessageField.VALUE))


class Table:
    """public.t with a topic of its own, and what makes records of it."""

    def __init__(self, pg, kafka, registry, relay, directory):
        self.pg = pg
        self.kafka = kafka
        self.registry = registry
        self.relay = relay
        self.directory = directory
        self.topic = f'{pg.dbname}.public.t'
        self.compiled = 0

    def create(self, columns='id bigint primary key, a int, b text'):
        self.pg.sql(f'create table t ({columns})')
        self.pg.publication(tables=['t'])
        self.pg.create_slot()

    def url(self, **options):
        options = {'format': 'protobuf', 'schema_registry': self.registry.url,
                   **options}
        return f'{self.kafka.url}?' + '&'.join(
            f'{name}={value}' for name, value in options.items())

    def start(self, **options):
        return self.relay.stream(self.pg, 'k=' + self.url(**options),
                                 options=['-o', 'messages=on'])

    def pump(self, **options):
        """Everything there is; the relay ended."""
        process = self.start(**options)
        self.pg.wait_confirmed()
        process.stop()
        return process

    def fail(self, **options):
        """The relay that is to end with an error."""
        process = self.relay.stream(self.pg, 'k=' + self.url(**options),
                                    wait=False)
        process.code = process.wait()
        return process

    def schema(self, number):
        self.compiled += 1
        return Schema(self.registry.schema(number),
                      self.directory / f'schema{self.compiled}')

    def read(self, topic=None):
        return self.kafka.read(topic or self.topic)

    def values(self, topic=None):
        """Records with their schema id and the row, read by that schema."""
        found = []
        for record in self.read(topic):
            if record.value is None:
                continue
            number, _ = unframe(record.value)
            message = deserialize(self.schema(number).message(), record.value)
            found.append((number, message))
        return found

    def rows(self, topic=None):
        return [names(message.after) for _, message in self.values(topic)]


@pytest.fixture
def table(pg, kafka, registry, relay, tmp_path):
    return Table(pg, kafka, registry, relay, tmp_path)


# ---- protobuf ----

def test_protobuf(table):
    """Ids, subjects and frames as Confluent's serializers have them."""
    table.create('id bigint primary key, a int, b text, tags text[]')
    table.pg.sql("insert into t values (1, -5, 'é', '{x,NULL}')")
    table.pg.sql("update t set a = 6; delete from t")
    table.pump()
    assert table.registry.subjects(table.topic) == [
        f'{table.topic}-key', f'{table.topic}-value']
    records = table.read()
    assert [r.value is None for r in records] == [False, False, False, True]
    values = table.values()
    assert [m.op for _, m in values] == [1, 2, 3]
    assert len({number for number, _ in values}) == 1
    assert names(values[0][1].after)['a'] == -5
    assert values[0][1].after.b == 'é'
    assert values[0][1].source.table == 't'
    for record in records:
        number, payload = unframe(record.key)
        message = deserialize(table.schema(number).message(), record.key)
        assert names(message) == {'id': 1}
        assert payload == message.SerializeToString()
    assert len({record.key for record in records}) == 1


def test_column_added_and_dropped(table):
    """New ids, and consumers of the first schema read on."""
    table.create()
    table.pg.sql("insert into t values (1, 10, 'x')")
    table.pump()
    table.pg.sql("alter table t add column c date")
    table.pg.sql("insert into t values (2, 20, 'y', '1970-01-11')")
    table.pg.sql("alter table t drop column a")
    table.pg.sql("insert into t values (3, 'z', '1970-01-21')")
    table.pump()
    values = table.values()
    ids = [number for number, _ in values]
    assert len(set(ids)) == 3
    assert [names(m.after) for _, m in values] == [
        {'id': 1, 'a': 10, 'b': 'x'}, {'id': 2, 'a': 20, 'b': 'y', 'c': 10},
        {'id': 3, 'b': 'z', 'c': 20}]
    first = table.schema(ids[0]).message()
    assert [names(deserialize(first, r.value).after) for r in table.read()] == [
        {'id': 1, 'a': 10, 'b': 'x'}, {'id': 2, 'a': 20, 'b': 'y'},
        {'id': 3, 'b': 'z'}]
    versions = table.registry.versions(f'{table.topic}-value')
    assert len(versions) == 3
    assert 'reserved 2;' in versions[2] and 'reserved "a";' in versions[2]
    # the key's schema is none of that
    assert len(table.registry.versions(f'{table.topic}-key')) == 1
    # another relay finds what this one registered
    table.pg.sql("insert into t values (4, 'w', null)")
    table.pump()
    assert [number for number, _ in table.values()] == [*ids, ids[2]]
    assert len(table.registry.versions(f'{table.topic}-value')) == 3


def test_flat(table):
    """Rows alone: their schema has the fields beside the columns through all
    versions, and these are nobody's to reserve."""
    table.create()
    options = {'flatten': 'on', 'flatten_fields': 'op,seq'}
    table.pg.sql("insert into t values (1, 10, 'x')")
    table.pump(**options)
    table.pg.sql("alter table t drop column a; alter table t add column c date")
    table.pg.sql("insert into t values (2, 'y', '1970-01-11')")
    table.pump(**options)
    assert [names(m) for _, m in table.values()] == [
        {'id': 1, 'a': 10, 'b': 'x', 'fanoutOp': 'insert', 'fanoutSeq': 1},
        {'id': 2, 'b': 'y', 'c': 10, 'fanoutOp': 'insert', 'fanoutSeq': 1}]
    first, second = table.registry.versions(f'{table.topic}-value')
    assert 'package fanout_row.public_;' in first
    assert 'reserved 2;' in second and 'reserved "a";' in second
    for text in first, second:
        assert 'fanout_op = 2000;' in text and 'fanout_unchanged = 2009' in text
    table.pg.sql("alter table t alter column b type int using 7")
    table.pg.sql("insert into t values (3, 30, null)")
    table.pump(on_schema_break='remap', **options)
    last = table.values()[-1][1]
    assert (last.id, last.b_xn2048, last.fanout_op) == (3, 30, 'insert')


def break_schema(table):
    table.create()
    table.pg.sql("insert into t values (1, 10, 'x')")
    table.pump()
    table.pg.sql("alter table t alter column a type text")
    table.pg.sql("insert into t values (2, 'twenty', 'y')")


def test_break_stops(table):
    break_schema(table)
    for _ in range(2):
        # starting again does not help: the registry remembers
        process = table.fail()
        assert process.code == rig.Exit.RECORD, process.stderr
        assert 'breaks readers of earlier ones' in process.stderr
        assert 'Field 2 was sint32 a and is column "a" of type ' \
            'pg_catalog.text now.' in process.stderr
        assert 'on_schema_break=new-topic or remap' in process.stderr
    assert table.rows() == [{'id': 1, 'a': 10, 'b': 'x'}]
    assert len(table.registry.versions(f'{table.topic}-value')) == 1


def test_break_makes_a_new_topic(table):
    break_schema(table)
    table.pump(on_schema_break='new-topic')
    table.pg.sql("alter table t add column c int")
    table.pg.sql("insert into t values (3, 'thirty', 'z', 3)")
    table.pump(on_schema_break='new-topic')
    assert table.rows() == [{'id': 1, 'a': 10, 'b': 'x'}]
    assert table.rows(f'{table.topic}-v2') == [
        {'id': 2, 'a': 'twenty', 'b': 'y'},
        {'id': 3, 'a': 'thirty', 'b': 'z', 'c': 3}]
    table.pg.sql("alter table t alter column a type bytea using a::bytea")
    table.pg.sql("insert into t values (4, 'x', 'z', 4)")
    table.pump(on_schema_break='new-topic')
    assert table.rows(f'{table.topic}-v3') == [
        {'id': 4, 'a': b'x', 'b': 'z', 'c': 4}]


def test_break_is_remapped(table):
    break_schema(table)
    table.pump(on_schema_break='remap')
    # TOASTed and unchanged: its number is listed under the new name too
    table.pg.sql("alter table t alter column a set storage external")
    table.pg.sql("insert into t values (3, repeat('long', 2000), 'z')")
    table.pg.sql("update t set b = 'Z' where id = 3")
    table.pump(on_schema_break='remap')
    values = table.values()
    assert [names(m.after).get('b') for _, m in values] == ['x', 'y', 'z', 'Z']
    assert values[0][1].after.a == 10
    assert [m.after.a_xn2048 for _, m in values[1:]] == [
        'twenty', 'long' * 2000, '']
    assert list(values[3][1].unchanged) == [2048]
    assert len({number for number, _ in values[1:]}) == 1
    # who knows only the first schema reads the rest of the row
    first = table.schema(values[0][0]).message()
    assert [names(deserialize(first, r.value).after) for r in table.read()] == [
        {'id': 1, 'a': 10, 'b': 'x'}, {'id': 2, 'b': 'y'}, {'id': 3, 'b': 'z'},
        {'id': 3, 'b': 'Z'}]
    text = table.registry.versions(f'{table.topic}-value')[-1]
    assert 'reserved 2;' in text and 'json_name = "a"' in text


def test_registry_away(table, proxies):
    """The relay waits for it, and the server hears from the relay."""
    proxy = proxies()
    table.create()
    # without status messages the server would break the connection
    table.pg.sql(f"alter database {table.pg.dbname} "
                 "set wal_sender_timeout = '2s'")
    table.pg.sql("insert into t values (1, 10, 'x')")
    process = table.start(schema_registry=proxy.url)
    process.wait_for('schema registry at .*; records wait')
    walsender = rig.wait_until(table.pg.walsender, what='a walsender')
    time.sleep(5)
    assert table.pg.walsender() == walsender
    proxy.on()
    table.pg.wait_confirmed()
    assert table.rows() == [{'id': 1, 'a': 10, 'b': 'x'}]
    process.wait_for('answers again')
    # away again: known schemas need no registry
    proxy.off()
    table.pg.sql("insert into t values (2, 20, 'y')")
    table.pg.wait_confirmed()
    table.pg.sql("alter table t add column c int")
    table.pg.sql("insert into t values (3, 30, 'z', 3)")
    process.wait_for('schema registry at .*; records wait',
                     after=len(process.lines))
    proxy.on()
    table.pg.wait_confirmed()
    process.stop()
    assert table.rows()[1:] == [{'id': 2, 'a': 20, 'b': 'y'},
                                {'id': 3, 'a': 30, 'b': 'z', 'c': 3}]


def test_stopped_while_registry_is_away(table, proxies):
    """Nothing was taken, so nothing is owed: it ends, and begins again."""
    proxy = proxies()
    table.create()
    table.pg.sql("insert into t values (1, 10, 'x')")
    before = table.pg.confirmed()
    process = table.start(schema_registry=proxy.url)
    process.wait_for('records wait')
    started = time.monotonic()
    process.stop()
    assert time.monotonic() - started < 15
    assert table.pg.confirmed() == before
    proxy.on()
    table.pump(schema_registry=proxy.url)
    assert table.rows() == [{'id': 1, 'a': 10, 'b': 'x'}]


def write_config(path, table, **options):
    lines = [f'url = {table.kafka.url}', 'format = protobuf']
    lines += [f'{name} = {value}' for name, value in options.items()]
    path.write_text('[sink k]\n' + '\n'.join(lines) + '\n')
    path.chmod(0o600)
    return path


def test_user_and_certificate(table, proxies, tmp_path):
    cert, key = tmp_path / 'ca.pem', tmp_path / 'key.pem'
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days',
         '2', '-subj', '/CN=localhost', '-addext',
         'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
        check=True, capture_output=True)
    proxy = proxies(user=('ann', 's3cret'), tls=(cert, key)).on()
    table.create()
    table.pg.sql("insert into t values (1, 10, 'x')")
    args = [*table.pg.args, '-S', table.pg.slot, '--start', '-o',
            'publication_names=pub']
    options = {'schema_registry': proxy.url, 'schema_registry_ca': cert,
               'schema_registry_username': 'ann',
               'schema_registry_password': 's3cret'}

    def run(**change):
        path = write_config(tmp_path / 'config', table,
                            **{**options, **change})
        return table.relay(*args, '--config', path)

    process = run(schema_registry_password='wr0ng')
    assert process.wait() == rig.Exit.SINK_SETUP, process.stderr
    assert 'status 401' in process.stderr
    assert 'schema_registry_password' in process.stderr
    assert 'wr0ng' not in process.stderr
    process = run(schema_registry_ca='/etc/ssl/certs/ca-certificates.crt')
    assert process.wait() == rig.Exit.SINK_SETUP, process.stderr
    assert 'schema_registry_ca' in process.stderr
    process = run().wait_streaming()
    table.pg.wait_confirmed()
    process.stop()
    assert table.rows() == [{'id': 1, 'a': 10, 'b': 'x'}]
    process = table.fail(schema_registry_username='ann',
                         schema_registry_password='s3cret')
    assert process.code == rig.Exit.USAGE
    assert 'does not belong on the command line' in process.stderr


def murmur2(data):
    """As Java's clients compute it."""
    mask, factor = 0xffffffff, 0x5bd1e995
    value = (0x9747b28c ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for (word,) in struct.iter_unpack('<I', data[:whole]):
        word = word * factor & mask
        word = (word ^ word >> 24) * factor & mask
        value = (value * factor & mask) ^ word
    if data[whole:]:
        value ^= int.from_bytes(data[whole:], 'little')
        value = value * factor & mask
    value = (value ^ value >> 13) * factor & mask
    return (value ^ value >> 15) & 0x7fffffff


@pytest.mark.parametrize('partition_key', ['key', 'framed'])
def test_partitions(table, partition_key):
    """A new id of the key's schema moves no key, unless that is wanted."""
    options = {'partitions': 7, 'partition_key': partition_key}
    table.create('id varchar(10) primary key, a int')
    table.pg.sql("insert into t select 'key' || i, i "
                 "from generate_series(1, 30) i")
    table.pump(**options)
    table.pg.sql("alter table t alter column id type text")
    table.pg.sql("update t set a = a + 100")
    table.pump(**options)
    where = {}
    ids = set()
    for record in table.read():
        number, payload = unframe(record.key)
        ids.add(number)
        where.setdefault(payload, set()).add(record.partition)
        content = record.key if partition_key == 'framed' else payload
        assert record.partition == murmur2(content) % 7
    assert len(ids) == 2 and len(where) == 30
    moved = [payload for payload, found in where.items() if len(found) > 1]
    assert bool(moved) == (partition_key == 'framed')


@pytest.mark.parametrize('key_format, one, two', [
    ('json', b'{"id":"a\\"b"}', b'{"part":7,"id":"c"}'),
    ('text', b'a"b', b'{"part":7,"id":"c"}')])
def test_key_formats(table, key_format, one, two):
    table.create('id text primary key, a int')
    table.pg.sql("create table two (id text, part int, primary key (part, id))")
    table.pg.sql('alter publication pub add table two')
    table.pg.sql("""insert into t values ('a"b', 1);
                 insert into two values ('c', 7)""")
    table.pump(key_format=key_format)
    assert [record.key for record in table.read()] == [one]
    assert [record.key for record in
            table.read(f'{table.pg.dbname}.public.two')] == [two]
    assert table.registry.subjects(f'{table.pg.dbname}.') == [
        f'{table.topic}-value', f'{table.pg.dbname}.public.two-value']


def test_subjects(table):
    """Two tables in one topic, each with its schema."""
    name = table.pg.dbname
    table.pg.sql(f'create schema {name}')
    table.pg.sql(f'create table {name}.t (id int primary key, x text)')
    table.pg.sql(f'create table {name}.u (x text, id int primary key)')
    table.pg.publication(tables=[f'{name}.t', f'{name}.u'])
    table.pg.create_slot()
    table.pg.sql(f"insert into {name}.t values (1, 'x'); "
                 f"insert into {name}.u values ('y', 2)")
    table.pump(subject_strategy='topic-record', topic='{prefix}.all')
    topic = f'{name}.all'
    assert table.registry.subjects(topic) == sorted(
        f'{topic}-fanout{kind}.{name}.{which}'
        for which in 'tu' for kind in ('', '_key'))
    assert sorted(row['x'] for row in table.rows(topic)) == ['x', 'y']
    # again, from the record's name alone
    table.pg.sql(f"insert into {name}.t values (2, 'z')")
    table.pump(subject_strategy='record', topic='{prefix}.all')
    assert table.registry.subjects('fanout') == sorted(
        {*table.registry.subjects('fanout'), f'fanout.{name}.t',
         f'fanout_key.{name}.t'})
    assert table.registry.subjects(f'fanout.{name}') == [f'fanout.{name}.t']
    assert len(table.rows(topic)) == 3


def test_logical_message(table):
    table.create()
    table.pg.sql("select pg_logical_emit_message(true, 'mine', 'hello')")
    table.pump()
    topic = f'{table.pg.dbname}.message'
    [(number, message)] = table.values(topic)
    assert (message.prefix, message.content) == ('mine', b'hello')
    assert message.transactional and message.source.db == table.pg.dbname
    assert table.registry.subjects(topic) == [f'{topic}-value']


def test_nothing_registered(table):
    """auto_register=off: what is there is used, what is not stops."""
    table.create()
    table.pg.sql("insert into t values (1, 10, 'x')")
    process = table.fail(auto_register='off')
    assert process.code == rig.Exit.RECORD, process.stderr
    assert 'is not in the schema registry' in process.stderr
    assert table.registry.subjects(table.topic) == []
    table.pump()
    table.pg.sql("insert into t values (2, 20, 'y')")
    table.pump(auto_register='off')
    assert len(table.rows()) == 2


def test_not_a_registry(table, kafka):
    table.create()
    table.pg.sql("insert into t values (1, 10, 'x')")
    wrong = table.registry.url.replace('/apis/ccompat/v7', '/nothing')
    process = table.fail(schema_registry=wrong)
    assert process.code == rig.Exit.SINK_SETUP, process.stderr
    assert 'does not answer like a schema registry' in process.stderr
    for options, words in [
            ({'schema_registry': 'localhost:1'}, 'no HTTP address'),
            ({'schema_registry': ''}, 'no HTTP address'),
            ({'on_schema_break': 'new-topic', 'subject_strategy': 'record'},
             'cannot go with'),
            ({'key_format': 'xml'}, 'key_format')]:
        process = table.fail(**options)
        assert process.code == rig.Exit.USAGE, process.stderr
        assert words in process.stderr.replace('-format', '_format')
    process = table.relay.run(
        *table.pg.args, '-S', table.pg.slot, '--start', '--sink',
        f'{kafka.url}?format=protobuf&on_schema_break=remap')
    assert process.code == rig.Exit.USAGE
    assert 'on_schema_break=remap needs schema_registry' in process.stderr


def test_schemas_compile(table):
    """Keys, remapped columns and messages, whatever they are called."""
    columns = [column for column in COLUMNS if len(column) < 60]
    keys = columns[:30]
    table.pg.sql('create schema fanout_key')
    with table.pg.cursor() as cursor:
        cursor.execute(
            'create table fanout_key."class" ('
            + ', '.join(f'{quoted(column)} text default \'\''
                        for column in columns)
            + f', primary key ({", ".join(map(quoted, keys))}))')
        table.pg.publication(tables=['fanout_key.class'])
        table.pg.create_slot()
        cursor.execute('insert into fanout_key.class default values')
        table.pump(on_schema_break='remap')
        cursor.execute('delete from fanout_key.class')
        for column in columns[::3]:
            cursor.execute(f'alter table fanout_key.class alter '
                           f'{quoted(column)} drop default, alter '
                           f'{quoted(column)} type int using 7, alter '
                           f'{quoted(column)} set default 7')
        cursor.execute('insert into fanout_key.class default values;'
                       "select pg_logical_emit_message(true, 'a', 'b')")
    table.pump(on_schema_break='remap')
    versions = [table.registry.versions(subject)
                for subject in table.registry.subjects(table.pg.dbname)]
    assert [len(texts) for texts in versions] == [2, 2, 1]
    texts = [texts[-1] for texts in versions]
    topic = f'{table.pg.dbname}.fanout_key.class'
    record = table.read(topic)[-1]
    for data, row in [(record.key, None), (record.value, 'after')]:
        message = deserialize(table.schema(unframe(data)[0]).message(), data)
        values = names(message if row is None else getattr(message, row))
        wanted = keys if row is None else columns
        assert sorted(map(str, values.values())) == sorted(
            '7' if column in columns[::3] else '' for column in wanted)
    compile_java(texts, table.directory / 'java')
    compile_go(texts, table.directory / 'go')


# ---- avro ----

TYPES = """
    id bigint primary key, b boolean, i2 smallint, i4 int, i8 bigint,
    r real, d double precision, n numeric, n52 numeric(5,2), m money,
    t text, c char(3), v varchar(5) default 'none', by bytea,
    u uuid, da date, ti time, ti3 time(3), tz timetz, ts timestamp,
    ts3 timestamp(3), tt timestamptz, iv interval, j jsonb, x xml,
    e mood, bt bit(1), bts bit(12), p point, inet inet, r4 int4range,
    ints int[], texts text[], nums numeric(5,2)[], o oid,
    n42 numeric(4,2) default 1.5, i5 int default 5, bd bytea default '\\x00ff'
"""

ROWS = [
    r"""(1, true, -32768, 2147483647, -9223372036854775808, 1.5, 1e300,
    123456789012345678901234567890.123456789, -123.45, '-12.34',
    'é"\	𝄞', 'ab', 'v', '\x00ff10', '00112233-4455-6677-8899-aabbccddeeff',
    '2024-02-29', '23:59:59.999999', '01:02:03.004', '12:34:56+05:30',
    '1969-12-31 23:59:59.999999', '2024-01-01', '2024-01-01 12:00:00.5+01',
    '1 year 2 days', '{"a": [1, null]}', '<a/>', 'so so', B'1',
    B'101010101010', '(1.5,-2)', '10.0.0.1', '[1,5)', '{1,NULL,3}',
    '{a,"b,c",NULL}', '{1.10,2}', 4294967295, 2.25, 6, '\x01')""",
    "(2, " + ', '.join(['null'] * 37) + ")",
    """(3, false, 0, 0, 0, 'NaN', '-Infinity', 0, 0, '0', '', '', '', '',
    '00000000-0000-0000-0000-000000000000', 'epoch', '00:00', '00:00', '00:00Z',
    'epoch', 'epoch', 'epoch', '0', 'null', '', 'sad', B'0', B'000000000000',
    '(0,0)', '::', 'empty', '{}', '{}', '{}', 0, 0, 0, '')"""]


def plain(schema):
    """The schema without logical types: bytes stay bytes."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if isinstance(schema, dict):
        return {name: plain(part) for name, part in schema.items()
                if name != 'logicalType'}
    return schema


def as_json(value):
    """What Avro's value is in Connect's JSON."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and (value != value or
                                     value in (float('inf'), float('-inf'))):
        return {'nan': 'NaN', 'inf': 'Infinity',
                '-inf': '-Infinity'}[str(value)]
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_json(part) for part in value]
    return value


class AvroTable(Table):
    def url(self, **options):
        return super().url(**{'format': 'avro', **options})

    def decode(self, data):
        """By the schema that the registry has for it, all of it used."""
        import fastavro
        number, body = unframe(data, protobuf=False)
        schema = fastavro.parse_schema(plain(
            json.loads(self.registry.schema(number))))
        stream = io.BytesIO(body)
        value = fastavro.schemaless_reader(stream, schema)
        assert stream.read() == b''
        return value

    def rows(self, topic=None):
        return [self.decode(record.value)['after']
                for record in self.read(topic) if record.value is not None]


@pytest.fixture
def avro(pg, kafka, registry, relay, tmp_path):
    return AvroTable(pg, kafka, registry, relay, tmp_path)


def timeless(payload):
    """Without the times at which the two formats wrote it."""
    return {name: part for name, part in payload.items()
            if name not in ('ts_ms', 'ts_us', 'ts_ns')}


def test_avro_is_debezium(avro):
    """Each record holds what debezium-json has for it; Confluent's own
    deserializer reads it."""
    pg = avro.pg
    pg.sql("create type mood as enum ('sad', 'so so')")
    avro.create(TYPES)
    for row in ROWS:
        with pg.cursor() as cursor:
            cursor.execute(f'insert into t values {row}')
    pg.sql("update t set id = 4 where id = 1; update t set t = 'x' where id = 4;"
           "delete from t where id = 4;"
           "select pg_logical_emit_message(true, 'mine', 'hello'); truncate t")
    options = {'provide_transaction_metadata': 'on', 'skipped_operations':
               'none', 'replace_null_with_default': 'off'}
    process = avro.relay.stream(
        pg, 'k=' + avro.url(**options),
        'j=' + avro.url(**{**options, 'format': 'debezium-json', 'prefix': 'j',
                           'schemas_enable': 'off'})
        .replace(f'&schema_registry={avro.registry.url}', ''),
        options=['-o', 'messages=on'])
    pg.wait_confirmed()
    process.stop()
    count = 0
    for what in ('public.t', 'message', 'transaction'):
        ours = avro.read(f'{pg.dbname}.{what}')
        theirs = avro.read(f'j.{what}')
        assert len(ours) == len(theirs) > 0
        for our, their in zip(ours, theirs):
            if their.key is not None:
                assert as_json(avro.decode(our.key)) == json.loads(their.key)
            assert (our.key is None) == (their.key is None)
            assert (our.value is None) == (their.value is None)
            if their.value is None:
                continue
            one, two = as_json(avro.decode(our.value)), json.loads(their.value)
            if 'source' in two:
                assert one['source'].pop('name') == pg.dbname
                assert two['source'].pop('name') == 'j'
            assert timeless(one) == timeless(two)
            count += 1
    assert count > 15
    check_avro_schema(avro)


def check_avro_schema(avro):
    """What consumers of Debezium's Avro go by."""
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import (MessageField,
                                               SerializationContext)
    topic = f'{avro.pg.dbname}.public.t'
    [text] = avro.registry.versions(f'{topic}-value')
    schema = json.loads(text)
    # a registry may take full names apart
    assert '.'.join(filter(None, [schema.get('namespace'), schema['name']])) \
        == f'{topic}.Envelope'
    assert schema['connect.name'] == f'{topic}.Envelope'
    fields = {field['name']: field for field in schema['fields']}
    assert list(fields) == ['before', 'after', 'source', 'transaction', 'op',
                            'ts_ms', 'ts_us', 'ts_ns']
    assert fields['after']['type'] in (['null', 'Value'],
                                       ['null', f'{topic}.Value'])
    row = {field['name']: field['type']
           for field in fields['before']['type'][1]['fields']}
    assert row['id'] == 'long' and row['i4'] == ['null', 'int']
    assert row['n52'][1] == {
        'type': 'bytes', 'connect.version': 1, 'connect.parameters': {
            'scale': '2', 'connect.decimal.precision': '5'},
        'connect.name': 'org.apache.kafka.connect.data.Decimal', 'scale': 2,
        'precision': 5, 'logicalType': 'decimal'}
    assert row['i2'][1] == {'type': 'int', 'connect.type': 'int16'}
    assert row['ts'][1]['connect.name'] == 'io.debezium.time.MicroTimestamp'
    assert row['v'] == [{'type': 'string', 'connect.default': 'none'}, 'null']
    assert row['n42'][0]['connect.default'] == '\0\x96'
    assert row['n42'][1] == 'null'
    client = SchemaRegistryClient({'url': avro.registry.url})
    reader = AvroDeserializer(client)
    record = avro.read(topic)[0]
    value = reader(record.value, SerializationContext(
        topic, MessageField.VALUE))
    assert str(value['after']['n52']) == '-123.45'
    assert value['op'] == 'c'


def test_avro_evolves(avro):
    """Old readers and new records, by Avro's own rules."""
    import fastavro
    avro.create('id int primary key, a int, b text')
    avro.pg.sql("insert into t values (1, 10, 'x')")
    avro.pump()
    avro.pg.sql("alter table t add column c int default 7, drop column a")
    avro.pg.sql("insert into t values (2, 'y', 8)")
    avro.pump()
    assert avro.rows() == [{'id': 1, 'a': 10, 'b': 'x'},
                           {'id': 2, 'b': 'y', 'c': 8}]
    one, two = [json.loads(text) for text in
                avro.registry.versions(f'{avro.topic}-value')]
    bodies = [unframe(r.value, protobuf=False)[1] for r in avro.read()]
    forward = fastavro.schemaless_reader(io.BytesIO(bodies[1]), two, one)
    backward = fastavro.schemaless_reader(io.BytesIO(bodies[0]), one, two)
    assert forward['after'] == {'id': 2, 'a': None, 'b': 'y'}
    assert backward['after'] == {'id': 1, 'b': 'x', 'c': 7}
    assert len(avro.registry.versions(f'{avro.topic}-key')) == 1


def test_avro_breaks(avro):
    avro.create('id int primary key, a int')
    avro.pg.sql("insert into t values (1, 10)")
    avro.pump()
    avro.pg.sql("alter table t alter column a type text")
    avro.pg.sql("insert into t values (2, 'twenty')")
    process = avro.fail()
    assert process.code == rig.Exit.RECORD, process.stderr
    assert 'breaks readers of earlier ones' in process.stderr
    assert 'remap' not in process.stderr
    avro.pump(on_schema_break='new-topic')
    avro.pg.sql("update t set id = 3 where id = 2")
    avro.pump(on_schema_break='new-topic')
    assert avro.rows() == [{'id': 1, 'a': 10}]
    new = avro.read(f'{avro.topic}-v2')
    assert avro.rows(f'{avro.topic}-v2') == [
        {'id': 2, 'a': 'twenty'}, None, {'id': 3, 'a': 'twenty'}]
    assert [record.value is None for record in new] == [
        False, False, True, False]
    assert new[1].key == new[2].key
    for options, words in [({'on_schema_break': 'remap'}, 'protobuf'),
                           ({'schemas_enable': 'off'}, 'schemas_enable')]:
        process = avro.fail(**options)
        assert process.code == rig.Exit.USAGE, process.stderr
        assert words in process.stderr.replace('-', '_')


def test_avro_names(avro):
    """Names that Avro has not, adjusted; what they hold is all there."""
    name = avro.pg.dbname
    avro.pg.sql(f'create table "1 tä.b" (id int primary key, "a b" int, '
                f'a_b int, "1" int, "é" int, "𝄞" int, "x""y" text)')
    avro.pg.publication(tables=['"1 tä.b"'])
    avro.pg.create_slot()
    avro.pg.sql('insert into "1 tä.b" values (1, 2, 3, 4, 5, 6, \'seven\')')
    avro.pump()
    [topic] = [t for t in avro.kafka.topics() if t.startswith(f'{name}.public')]
    [row] = avro.rows(topic)
    assert row == {'id': 1, 'a_b': 2, 'a_b_2': 3, '_1': 4, '_': 5, '__': 6,
                   'x_y': 'seven'}


def test_avro_partitions_and_heartbeat(avro):
    avro.create('id int primary key, a int')
    avro.pg.sql("insert into t select i, i from generate_series(1, 20) i")
    process = avro.start(partitions=5, heartbeat_interval='200ms')
    avro.pg.wait_confirmed()
    topic = f'__debezium-heartbeat.{avro.pg.dbname}'
    rig.wait_until(lambda: topic in avro.kafka.topics(), what='a heartbeat')
    time.sleep(1)
    process.stop()
    for record in avro.read():
        assert record.partition == murmur2(record.key[5:]) % 5
    beats = avro.read(topic)
    assert avro.decode(beats[0].key) == {'serverName': avro.pg.dbname}
    assert avro.decode(beats[0].value)['ts_ms'] > 1700000000000
