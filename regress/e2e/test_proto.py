"""test_proto.py: the typed records, read by what is not ours.

The .proto of a table is compiled by protoc, and records are decoded by Google's
library: those that the plugin writes, straight from SQL, and those that the
relay delivers. Values are compared with what was put into the table.
"""
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.decoder import _DecodeVarint

import rig

PROTOBUF_JAR = Path('/usr/share/java/protobuf.jar')
CACHE = Path(os.environ.get('PG_FANOUT_CACHE',
                            Path.home() / '.cache' / 'pg_fanout'))
PROTOC_GEN_GO = re.search(r'^PROTOC_GEN_GO_VERSION=(.*)$', (
    rig.RIG / 'lib.sh').read_text(), re.M)[1]
INT64_MAX = 2 ** 63 - 1
INT64_MIN = -2 ** 63


# ---- schemas ----

def protoc(directory, *args):
    done = subprocess.run(['protoc', f'-I{directory}', *args],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def write_protos(texts, directory):
    """Each in a file of its own: their names."""
    directory.mkdir(parents=True)
    files = [f't{number}.proto' for number in range(len(texts))]
    for file, text in zip(files, texts):
        (directory / file).write_text(text)
    return files


def run(*args, **how):
    done = subprocess.run(args, capture_output=True, text=True, **how)
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]


def compile_java(texts, directory):
    """With javac, against protobuf's own library."""
    if not (shutil.which('javac') and PROTOBUF_JAR.exists()):
        pytest.skip("needs javac and Debian's libprotobuf-java")
    files = write_protos(list(texts), directory)
    protoc(directory, f'--java_out={directory}', *files)
    run('javac', '-encoding', 'UTF-8', '-J-Xmx512m',
        '-J-XX:TieredStopAtLevel=1', '-proc:none', '-nowarn',
        '-cp', PROTOBUF_JAR, '-d', directory / 'classes', *directory.rglob('*.java'))


def compile_go(texts, directory):
    """With go vet, which checks types; each file is a package of its own."""
    plugin = CACHE / 'bin' / 'protoc-gen-go'
    if not (shutil.which('go') and plugin.exists()):
        pytest.skip('needs go and protoc-gen-go')
    files = write_protos(list(texts), directory)
    mapping = [f'--go_opt=M{file}=example.com/x/{file[:-6]}' for file in files]
    protoc(directory, f'--plugin={plugin}', f'--go_out={directory}',
           '--go_opt=module=example.com/x', *mapping, *files)
    (directory / 'go.mod').write_text(
        'module example.com/x\n\ngo 1.21\n\n'
        f'require google.golang.org/protobuf {PROTOC_GEN_GO}\n')
    run('go', 'build', './...', cwd=directory,
        env=dict(os.environ, GOFLAGS='-mod=mod'))


class Schema:
    """A .proto as message classes, in a pool of its own."""

    def __init__(self, text, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / 'x.proto').write_text(text)
        out = directory / 'x.set'
        protoc(directory, f'--descriptor_set_out={out}', 'x.proto')
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
        pool = descriptor_pool.DescriptorPool()
        pool.Add(files.file[0])
        self.file = files.file[0]
        self.pool = pool

    def message(self, name=None):
        name = name or self.file.message_type[0].name
        return message_factory.GetMessageClass(
            self.pool.FindMessageTypeByName(f'{self.file.package}.{name}'))


@pytest.fixture(scope='session')
def wire(tmp_path_factory):
    """The contract between plugin and relay, as message classes."""
    return Schema((rig.TOP / 'plugin' / 'change.proto').read_text(),
                  tmp_path_factory.mktemp('wire'))


@pytest.fixture
def fanout(pg, tmp_path, wire):
    """A database with the extension and what reads its records."""
    pg.sql('create extension pg_fanout')
    pg.create_slot()
    return Reader(pg, tmp_path, wire)


class Reader:
    def __init__(self, pg, directory, wire):
        self.pg = pg
        self.sql = pg.sql
        self.directory = directory
        self.frame = wire.message('Frame')
        self.compiled = 0

    def compile(self, text):
        self.compiled += 1
        return Schema(text, self.directory / f'schema{self.compiled}')

    def proto(self, table):
        return self.pg.value('select fanout.proto(%s::regclass)', (table,))

    def records(self):
        """All records of the slot."""
        for (data,) in self.sql(
                'select data from pg_logical_slot_peek_binary_changes('
                '%s, null, null)', (self.pg.slot,)):
            frame = self.frame.FromString(bytes(data))
            # nothing was passed over
            assert frame.SerializeToString() == bytes(data)
            yield from frame.record

    def changes(self, table):
        """The bodies of a table's changes, decoded by the table's .proto."""
        oid = self.pg.value('select %s::regclass::oid', (table,))
        message = self.compile(self.proto(table)).message()
        bodies = [r.change.body for r in self.records()
                  if r.WhichOneof('kind') == 'change' and
                  r.change.table == oid]
        return [decode(message, body) for body in bodies]


def decode(message, body):
    """Decodes, and fails if the schema does not know all that is there."""
    decoded = message.FromString(body)
    known = decoded.SerializeToString()
    decoded.DiscardUnknownFields()
    assert decoded.SerializeToString() == known, 'unknown fields'
    return decoded


def names(row):
    """The fields of a row that are there, by the column's own name."""
    return {field.json_name: value for field, value in row.ListFields()}


# ---- values ----

class Sql(str):
    """An expression for the server to say what is expected."""


def days(date):
    return Sql(f"date '{date}' - date '1970-01-01'")


def microseconds(moment):
    return Sql(f"(extract(epoch from {moment}) * 1000000)::int8")


# type, SQL expression, expected
VALUES = [
    ('bool', 'true', True),
    ('bool', 'false', False),
    ('int2', '-32768', -32768),
    ('int4', '2147483647', 2147483647),
    ('int4', '0', 0),
    ('int8', '-9223372036854775808', INT64_MIN),
    ('int8', '9007199254740993', 9007199254740993),
    ('oid', '4294967295', 4294967295),
    ('float4', '0.1', struct.unpack('f', struct.pack('f', 0.1))[0]),
    ('float4', "'-infinity'", float('-inf')),
    ('float8', '0.1', 0.1),
    ('float8', "'5e-324'", 5e-324),
    ('numeric', '12.340', '12.340'),
    ('numeric', "'NaN'", 'NaN'),
    ('numeric(1000,0)', "repeat('9', 1000)::numeric", '9' * 1000),
    ('text', "''", ''),
    ('text', "'grüezi \U0001f600'", 'grüezi \U0001f600'),
    ('varchar(5)', "'abc'", 'abc'),
    ('char(5)', "'ab'", 'ab   '),
    ('name', "'n'", 'n'),
    ('bytea', r"'\x00ff'", b'\x00\xff'),
    ('uuid', "'00010203-0405-0607-0809-0a0b0c0d0eff'",
     bytes(range(15)) + b'\xff'),
    ('date', "'1970-01-01'", 0),
    ('date', "'0044-03-15 BC'", days('0044-03-15 BC')),
    ('date', "'infinity'", 2 ** 31 - 1),
    ('date', "'-infinity'", -2 ** 31),
    ('time', "'24:00:00'", 86400000000),
    ('timestamp', "'2024-01-31 13:00:00.123456'",
     microseconds("timestamp '2024-01-31 13:00:00.123456'")),
    ('timestamp', "'4713-01-01 BC'",
     microseconds("timestamp '4713-01-01 BC'")),
    ('timestamp', "'infinity'", INT64_MAX),
    ('timestamp', "'-infinity'", INT64_MIN),
    # beyond year 294246: modulo 2^64
    ('timestamp', "'294276-12-31 23:59:59.999999'",
     9224318016000000000 - 1 - 2 ** 64),
    ('timestamptz', "'2024-01-31 13:00:00+02'",
     microseconds("timestamptz '2024-01-31 11:00:00Z'")),
    ('json', """'{"z" : 1, "a":[ ]}'""", '{"z" : 1, "a":[ ]}'),
    ('jsonb', """'{"z" : 1, "a":[ ]}'""", '{"a": [], "z": 1}'),
    ('mood', "'happy'", 'happy'),
    ('positive', '7', 7),
    ('inet', "'10.0.0.1/8'", '10.0.0.1/8'),
    ('int4range', "'[1,5]'", '[1,6)'),
    ('xid', "'4294967295'", 4294967295),
    ('point', "'(0.1,2)'", '(0.1,2)'),
]


def test_values(fanout):
    fanout.sql("create type mood as enum ('sad', 'happy'); "
               'create domain positive as int2 check (value > 0)')
    columns = ', '.join(f'c{i} {type_}'
                        for i, (type_, _, _) in enumerate(VALUES))
    fanout.sql(f'create table every ({columns})')
    fanout.sql(f'insert into every values '
               f'({", ".join(value for _, value, _ in VALUES)})')
    [change] = fanout.changes('every')
    row = names(change.after)
    assert len(row) == len(VALUES)
    for i, (type_, value, expected) in enumerate(VALUES):
        if isinstance(expected, Sql):
            expected = fanout.pg.value(f'select {expected}')
        assert row[f'c{i}'] == expected, f'{type_} {value}'


def test_nan_and_null(fanout):
    fanout.sql('create table t (a float8, b float4, c float8, d text)')
    fanout.sql("insert into t values ('NaN', 'NaN', '-0', null)")
    [change] = fanout.changes('t')
    row = change.after
    assert struct.pack('>d', row.a) == bytes.fromhex('7ff8000000000000')
    assert struct.pack('>f', row.b) == bytes.fromhex('7fc00000')
    assert struct.pack('>d', row.c) == bytes.fromhex('8000000000000000')
    assert row.HasField('c') and not row.HasField('d')


def test_intervals(fanout):
    fanout.sql('create table t (a interval, b interval, c interval)')
    fanout.sql("insert into t values "
               "('1 year 2 mons -3 days 4.5 secs', '0', null)")
    [change] = fanout.changes('t')
    row = change.after
    assert (row.a.months, row.a.days, row.a.microseconds) == (14, -3, 4500000)
    assert row.HasField('b') and row.b.ByteSize() in (0, 6)
    assert not row.HasField('c')


def elements(array):
    """Elements in their order with None for NULL, and the shape."""
    values = list(array.element)
    for index in array.null_index:
        values.insert(index, None)
    return values, list(array.dimension), list(array.lower_bound)


ARRAYS = [
    ('int4[]', "'{1,NULL,-3}'", ([1, None, -3], [], [])),
    ('int4[]', "'{}'", ([], [], [])),
    ('int4[]', "'{{1,2,3},{4,NULL,6}}'", ([1, 2, 3, 4, None, 6], [2, 3], None)),
    ('int8[]', "'[-3:-2]={7,8}'", ([7, 8], [2], [-3])),
    ('text[]', """'{"",NULL,"a,b"}'""", (['', None, 'a,b'], [], [])),
    ('bool[]', "'{t,f,NULL}'", ([True, False, None], [], [])),
    ('float8[]', "'{0.1,Infinity}'", ([0.1, float('inf')], [], [])),
    ('float4[]', "'{0.5,NULL}'", ([0.5, None], [], [])),
    ('numeric[]', "'{1.10,NaN}'", (['1.10', 'NaN'], [], [])),
    ('date[]', "'{1970-01-02,NULL}'", ([1, None], [], [])),
    ('uuid[]', "'{00000000-0000-0000-0000-0000000000ff}'",
     ([bytes(15) + b'\xff'], [], [])),
    ('mood[]', "'{happy,sad}'", (['happy', 'sad'], [], [])),
    ('oid[]', "'{4294967295}'", ([4294967295], [], [])),
    ('bytea[]', r"""'{"\\x00",NULL}'""", ([b'\x00', None], [], [])),
    ('jsonb[]', """'{"{\\"a\\": 1}"}'""", (['{"a": 1}'], [], [])),
]


def test_arrays(fanout):
    fanout.sql("create type mood as enum ('sad', 'happy')")
    columns = ', '.join(f'c{i} {type_}'
                        for i, (type_, _, _) in enumerate(ARRAYS))
    fanout.sql(f'create table every ({columns}, n int[])')
    fanout.sql(f'insert into every values '
               f'({", ".join(value for _, value, _ in ARRAYS)})')
    [change] = fanout.changes('every')
    row = names(change.after)
    assert 'n' not in row
    for i, (type_, value, expected) in enumerate(ARRAYS):
        found, shape, bounds = elements(row[f'c{i}'])
        wanted, wanted_shape, wanted_bounds = expected
        assert found == wanted, f'{type_} {value}'
        assert shape == wanted_shape, f'{type_} {value}'
        if wanted_bounds is not None:
            assert bounds == wanted_bounds, f'{type_} {value}'
        else:
            assert bounds in ([], [1, 1]), f'{type_} {value}'


def test_interval_array(fanout):
    fanout.sql('create table t (a interval[])')
    fanout.sql("insert into t values ('{1 day,NULL,2 mons}')")
    [change] = fanout.changes('t')
    array = change.after.a
    assert [(e.months, e.days) for e in array.element] == [(0, 1), (2, 0)]
    assert list(array.null_index) == [1]


# ---- changes ----

def test_before_and_after(fanout):
    fanout.sql('create table t (id int primary key, a text, b text); '
               'alter table t alter b set storage external')
    fanout.sql("insert into t values (1, 'x', repeat('y', 3000))")
    fanout.sql("update t set a = 'z'")
    fanout.sql('update t set id = 2')
    fanout.sql('delete from t')
    fanout.sql('alter table t replica identity full')
    fanout.sql("insert into t values (3, 'x', null)")
    fanout.sql("update t set a = null")
    insert, update, moved, delete, _, full = fanout.changes('t')
    assert [c.op for c in (insert, update, delete)] == [1, 2, 3]
    assert len(insert.after.b) == 3000 and not insert.HasField('before')
    assert names(update.after) == {'id': 1, 'a': 'z'}
    assert list(update.unchanged) == [3]
    assert names(moved.before) == {'id': 1} and moved.before_is_key
    assert names(moved.after) == {'id': 2, 'a': 'z'}
    assert names(delete.before) == {'id': 2} and delete.before_is_key
    assert names(full.before) == {'id': 3, 'a': 'x'}
    assert not full.before_is_key and names(full.after) == {'id': 3}
    lsns = [c.lsn for c in (insert, update, moved, delete, full)]
    assert lsns == sorted(set(lsns))


def test_old_records_by_a_new_schema(fanout):
    """A number is never used again, so old records stay readable."""
    fanout.sql('create table t (id int primary key, gone text, stays text)')
    fanout.sql("insert into t values (1, 'gone', 'stays')")
    fanout.sql("alter table t drop column gone, add column new text")
    fanout.sql("insert into t values (2, 'stays', 'new')")
    schema = fanout.compile(fanout.proto('t'))
    row = next(m for m in schema.file.message_type[0].nested_type
               if m.name == 'Row')
    assert [(r.start, r.end) for r in row.reserved_range] == [(2, 3)]
    bodies = [r.change.body for r in fanout.records()
              if r.WhichOneof('kind') == 'change']
    old, new = [schema.message().FromString(body) for body in bodies]
    assert names(old.after) == {'id': 1, 'stays': 'stays'}
    assert b'gone' in old.SerializeToString()
    assert names(new.after) == {'id': 2, 'stays': 'stays', 'new': 'new'}


# ---- the relay ----

def delimited(data):
    """Messages with their length before each."""
    at = 0
    while at < len(data):
        size, at = _DecodeVarint(data, at)
        assert at + size <= len(data), 'torn record'
        yield data[at:at + size]
        at += size


def test_records_of_the_relay(fanout, relay, tmp_path):
    pg = fanout.pg
    pg.sql('create schema bank; create table bank.customer ('
           'id bigint primary key, name text, born date, tags text[])')
    pg.publication(tables=['bank.customer'])
    pg.drop_slot()
    pg.create_slot()
    out = tmp_path / 'out'
    pg.sql("insert into bank.customer values "
           "(1, 'Ada', '1815-12-10', '{a,NULL}'), (2, '', null, null)")
    pg.sql("update bank.customer set name = 'Grace' where id = 2")
    pg.sql('delete from bank.customer where id = 1')
    relay.stream(pg, f'file:{out}?format=protobuf', wait=False, options=[
        '--endpos', rig.lsn_text(pg.wal_position())]).wait()
    printed = relay.run(*pg.args, '--print-proto', 'bank.customer')
    assert printed.code == 0
    message = fanout.compile(printed.output.decode()).message()
    records = [decode(message, body) for body in delimited(out.read_bytes())]
    assert [r.op for r in records] == [1, 1, 2, 3]
    first, second, update, gone = records
    assert names(first.after)['name'] == 'Ada'
    assert first.after.born == pg.value(f"select {days('1815-12-10')}")
    assert elements(first.after.tags)[0] == ['a', None]
    assert names(second.after) == {'id': 2, 'name': ''}
    assert names(update.after) == {'id': 2, 'name': 'Grace'}
    assert names(gone.before) == {'id': 1} and gone.before_is_key
    for record in records:
        source = record.source
        assert (source.db, source.schema, source.table) == (
            pg.dbname, 'bank', 'customer')
        assert source.commit_lsn > 0 and source.xid > 0
        assert source.commit_time > 1700000000 * 1000000
        assert source.version == first.source.version != 0
    assert [r.source.seq for r in records] == [1, 2, 1, 1]
    assert first.source.commit_lsn == second.source.commit_lsn
    assert first.source.xid == second.source.xid != update.source.xid


def test_records_read_from_kafka(fanout, relay, kafka):
    """A Kafka consumer's records, keys too, by the printed .proto."""
    pg = fanout.pg
    pg.sql('create table customer (part text, name text, id bigint, '
           'primary key (id, part))')
    pg.publication(tables=['customer'])
    pg.drop_slot()
    pg.create_slot()
    pg.sql("insert into customer values ('x', 'Ada', 1)")
    pg.sql("update customer set id = 2")
    pg.sql("delete from customer")
    relay.stream(pg, f'{kafka.url}?format=protobuf', wait=False, options=[
        '--endpos', rig.lsn_text(pg.wal_position())]).wait()
    printed = relay.run(*pg.args, '--print-proto', 'public.customer').output.decode()
    schema = fanout.compile(printed)
    message, row = schema.message(), schema.message('customer.Row')
    got = kafka.read(f'{pg.dbname}.public.customer')
    keys = [names(decode(row, record.key)) for record in got]
    one, two = {'part': 'x', 'id': 1}, {'part': 'x', 'id': 2}
    assert keys == [one, one, two, two, two]
    assert [record.value is None for record in got] == [
        False, True, False, False, True]
    insert, update, delete = [decode(message, record.value)
                              for record in got if record.value is not None]
    assert names(insert.after) == {'part': 'x', 'name': 'Ada', 'id': 1}
    assert names(update.before) == one and update.before_is_key
    assert names(update.after) == {'part': 'x', 'name': 'Ada', 'id': 2}
    assert delete.op == 3 and names(delete.before) == two
    assert (insert.source.commit_lsn < update.source.commit_lsn
            < delete.source.commit_lsn)


# ---- names ----

TABLES = ['customer', 'Row', 'Op', 'Source', 'Interval', 'StringArray',
          'Builder', 'RowOrBuilder', 'class', 'public', 'fanout', 'java',
          'com', 'String', 'Object', 'a b', '1', '_', 'é', 'x";\n}', 'message',
          'package', 'T' * 63]

COLUMNS = [
    'class', 'int', 'public', 'name', 'name_bytes', 'nameBytes', 'a_b', 'aB',
    'A_B', 'select', 'from', 'None', 'serialized_size', 'unknown_fields',
    'descriptor', 'default_instance_for_type', 'parser_for_type', 'Row', 'Op',
    'Source', 'Interval', 'StringArray', '_', '__', '_1', '1a', 'a b', 'a\nb',
    '"', '\\', 'é', 'op', 'before', 'message', 'string', 'optional',
    'reserved', 'oneof', '[x]', 'x', 'x_builder', 'x_or_builder',
    'bit_field0', 'fanout', 'java', 'com', 'a_x5fb', 'a_x20b', '%', '*/', '//',
    'x_count', 'x_list', 'HasField', 'DESCRIPTOR', "'", '_name', 'Name']

# refused by the compiler, a field's name, a oneof's name
NOT_IN_JSON = ['[x]', 'a_x20b', '_name']

TYPES = ['text', 'interval', 'int', 'text[]', 'interval[]', 'bytea']


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def hostile_columns(shift):
    return ', '.join(f'{quoted(column)} {TYPES[(i + shift) % len(TYPES)]}'
                     for i, column in enumerate(COLUMNS))


@pytest.fixture
def hostile(fanout):
    """The .proto of tables whose names mean harm, by table."""
    protos = {}
    fanout.sql('create schema "public x;"')
    for shift, name in enumerate(TABLES):
        table = f'{quoted("public x;")}.{quoted(name)}'
        with fanout.pg.cursor() as cursor:
            cursor.execute(f'create table {table} ({hostile_columns(shift)})')
        protos[table] = fanout.proto(table)
    return protos


def test_hostile_names_for_python(hostile, fanout):
    messages = set()
    for text in hostile.values():
        schema = fanout.compile(text)
        message = schema.file.message_type[0]
        messages.add(message.name)
        row = next(m for m in message.nested_type if m.name == 'Row')
        assert [f.number for f in row.field] == list(
            range(1, len(COLUMNS) + 1))
        for field, column in zip(row.field, COLUMNS):
            assert field.json_name == (
                field.name if column in NOT_IN_JSON else column)
        schema.message()
        protoc(fanout.directory / f'schema{fanout.compiled}',
               f'--python_out={fanout.directory}', 'x.proto')
    assert len(messages) == len(TABLES)


def test_hostile_names_keep_their_values(hostile, fanout):
    table = next(iter(hostile))
    numbers = [i for i in range(len(COLUMNS)) if TYPES[i % len(TYPES)] == 'int']
    fanout.sql(f'insert into {table} '
               f'({", ".join(quoted(COLUMNS[i]) for i in numbers)}) '
               f'values ({", ".join(str(i) for i in numbers)})'
               .replace('%', '%%'), ())
    [change] = fanout.changes(table)
    row = names(change.after)
    assert sorted(row.values()) == numbers
    for i in numbers:
        assert COLUMNS[i] in NOT_IN_JSON or row[COLUMNS[i]] == i


@pytest.mark.slow
def test_hostile_names_compile(hostile, fanout):
    """In Java and Go names clash that the compiler of .proto takes."""
    compile_java(hostile.values(), fanout.directory / 'java')
    compile_go(hostile.values(), fanout.directory / 'go')


# ---- rows alone ----

FLAT = ('null:?format=protobuf&flatten=on&flatten_delete=rewrite&flatten_fields='
        'op,db,schema,table,lsn,seq,xid,commit_time,origin,unchanged')
EXTRAS = ['op', 'db', 'schema', 'table', 'lsn', 'seq', 'xid', 'commit_time',
          'origin', 'unchanged', 'deleted']
OURS = ['fanout_op', 'fanoutDb', 'fanout_op_bytes', 'fanout_unchanged_list',
        '__fanout_lsn', 'fanout_more']


@pytest.fixture
def hostile_flat(fanout, relay):
    """The same of rows alone, with columns called like our fields too."""
    columns = ', '.join([hostile_columns(0), *(
        f'{quoted(name)} text' for name in OURS)])
    tables = ['customer', 'StringArray', 'fanout_row', 'x";\n}']
    with fanout.pg.cursor() as cursor:
        for name in tables:
            cursor.execute(f'create table {quoted(name)} ({columns})')
    printed = [relay.run(*fanout.pg.args, '--sink', FLAT, '--print-proto',
                         f'public.{quoted(name)}') for name in tables]
    assert [p.code for p in printed] == [0] * len(tables), printed[0].stderr
    return [p.output.decode() for p in printed]


def test_flat_names(hostile_flat, fanout):
    for text in hostile_flat:
        schema = fanout.compile(text)
        row = schema.file.message_type[0]
        fields = row.field[:len(COLUMNS)]
        for field, column in zip(fields, COLUMNS):
            assert field.json_name == (
                field.name if column in NOT_IN_JSON else column)
        ours = row.field[len(COLUMNS):-len(EXTRAS)]
        at = len(COLUMNS)
        assert [f.name for f in ours] == [
            f'fanout_op_xn{at + 1}', f'fanoutDb_xn{at + 2}',
            f'fanout_op_bytes_xn{at + 3}', f'fanout_unchanged_list_xn{at + 4}',
            f'__fanout_lsn_xn{at + 5}', 'fanout_more']
        assert [(f.name, f.number) for f in row.field[-len(EXTRAS):]] == [
            (f'fanout_{name}', 2000 + i) for i, name in enumerate(EXTRAS)]
        schema.message()
        protoc(fanout.directory / f'schema{fanout.compiled}',
               f'--python_out={fanout.directory}', 'x.proto')


@pytest.mark.slow
def test_flat_names_compile(hostile_flat, fanout):
    compile_java(hostile_flat, fanout.directory / 'java')
    compile_go(hostile_flat, fanout.directory / 'go')


def test_relay_and_extension_agree(hostile, fanout, relay):
    """The same text from the catalog by SQL and from the server's caches."""
    fanout.sql('''
        create type mood as enum ('sad', 'so so');
        create type empty as enum ();
        create type pair as (a int, b text);
        create domain positive as int check (value > 0);
        create domain positives as positive[];
        create domain document as json;
        create table every (
            id int, gone int, mood mood not null, moods mood[], none empty,
            p positive, ps positives, pss positives[], d document,
            ds document[], pair pair, pairs pair[], v int2vector,
            vs oidvector[], n name, c "char", m money, b bpchar, x xid,
            g int generated always as (id * 2) stored,
            primary key (mood, id));
        alter table every drop column gone;
        create table parted (id int, day date, primary key (day, id))
            partition by range (day);
        create table indexed (a int not null, b int not null unique, c int);
        alter table indexed replica identity using index indexed_b_key;
        create table no_columns ();
        create table whole (a int); alter table whole replica identity full;
        create table nothing (a int primary key);
        alter table nothing replica identity nothing''')
    tables = [*hostile, 'public.every', 'public.parted', 'public.indexed',
              'public.no_columns', 'public.whole', 'public.nothing']
    options = [f'--print-proto={table}' for table in tables]
    process = relay.run(*fanout.pg.args, *options)
    assert process.code == 0, process.stderr
    assert process.output.decode() == ''.join(fanout.proto(t) for t in tables)


def test_versions_agree(fanout, relay, tmp_path):
    """A record names the schema by a fingerprint that outlives restarts."""
    pg = fanout.pg
    pg.sql('create table t (id int primary key, a text)')
    pg.sql('insert into t values (1)')
    versions = {r.table.version for r in fanout.records()
                if r.WhichOneof('kind') == 'table'}
    again = {r.table.version for r in fanout.records()
             if r.WhichOneof('kind') == 'table'}
    assert len(versions) == 1 and versions == again
    pg.sql('alter table t add column b text')
    pg.sql('insert into t values (2)')
    later = {r.table.version for r in fanout.records()
             if r.WhichOneof('kind') == 'table'}
    assert len(later) == 2 and versions < later


# ---- numbers across restarts ----

@pytest.mark.parametrize('sink', ['kafka', 'dir'])
def test_table_made_anew(pg, relay, kafka, tmp_path, sink):
    """Dropped and created while the relay is down: a number means another
    column, which nobody but the relay's notes can tell."""
    topic = f'{pg.dbname}.public.t'
    url = 's=' + {
        'kafka': f'{kafka.url}?format=protobuf',
        'dir': f'dir://{tmp_path}/lake?format=protobuf&flush_interval=100ms',
    }[sink]

    def create(columns):
        pg.sql(f'create table t ({columns})')
        pg.publication(tables=['t'])

    def pump(*options):
        process = relay.stream(pg, url, options=options)
        pg.wait_confirmed()
        process.stop()

    create('id int primary key, a int, b text')
    pg.create_slot()
    pg.sql("insert into t values (1, 2, 'x')")
    pump()

    # with a column renamed and one more it is still the same table
    pg.sql('alter table t rename a to c; alter table t add d int')
    pg.sql("insert into t values (2, 2, 'x', 4)")
    pump()

    pg.sql('drop table t; drop publication pub')
    create('id int primary key, b text')
    pg.sql("insert into t values (1, 'y')")
    for _ in range(2):
        process = relay.stream(pg, url, wait=False)
        assert process.wait() == rig.Exit.RECORD
        assert (f'table public.t was made anew: field 2 of topic "{topic}" '
                'was column "c" and is column "b" now') in process.stderr
        assert f'--renew-fields={topic}' in process.stderr
    pump(f'--renew-fields={topic}')

    # from then on the new numbers count
    pg.sql('drop table t; drop publication pub')
    create('id int primary key, b text, c int')
    pg.sql("insert into t values (1, 'y')")
    pump()
