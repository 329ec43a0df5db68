"""test_transform.py: what may pass: lists, masks, outbox rows, flattened rows.

What is masked or left out is looked for in all that leaves the relay: records,
headers, objects, files, notes, schemas and the log.
"""
import gzip
import hmac
import json
import os

import pytest

import rig
from records import directory_objects, operations, parse_lines, read_json
from test_proto import Schema, decode, names

SALT = 'a long random text'
SOURCES = ['pg_fanout', 'pgoutput']

# Every secret value holds this, in upper or lower case or as hex or base64.
MARK = b'zqxj7'
HIDDEN = [MARK, MARK.upper(), MARK.hex().encode(),
          # base64 of the mark at any place in a group of three
          b'enF4ajc', b'pxeGo3', b'6cXhqN']


def config(path, *lines, salt=SALT):
    path.write_text('\n'.join(['[pg_fanout]', *lines,
                               f'mask_salt = {salt}' if salt else '']))
    os.chmod(path, 0o600)
    return ['--config', path]


def hashed(text):
    return hmac.new(SALT.encode(), text.encode(), 'sha256').hexdigest()


def files_below(top):
    return [path for path in top.rglob('*') if path.is_file()]


def unpacked(data):
    return gzip.decompress(data) if data[:2] == b'\x1f\x8b' else data


def assert_hidden(data, where):
    for hidden in HIDDEN:
        at = data.find(hidden)
        assert at < 0, (where, hidden, data[max(0, at - 80):at + 80])


class Kafka:
    """All that a broker got for a database."""

    def __init__(self, kafka, pg):
        self.kafka, self.pg = kafka, pg

    def topics(self):
        return [name for name in self.kafka.topics() if self.pg.dbname in name]

    def records(self):
        return [record for topic in self.topics()
                for record in self.kafka.read(topic)]

    def blobs(self):
        for record in self.records():
            yield record.topic, record.topic.encode()
            yield f'{record} key', record.key or b''
            yield f'{record} value', record.value or b''
            for name, value in record.headers.items():
                yield f'{record} header {name}', value or b''


PERSON = '''
    create domain secret_text as text;
    create type level as enum ('low', 'lavish');
    create table person (
        id int primary key, mail text not null default 'zqxj7@default',
        name varchar(40) default 'Zqxj7 Default', born date, pay numeric,
        tags text[], doc jsonb, photo bytea, big text,
        note secret_text default 'zqxj7', left_out text default 'zqxj7',
        kind level);
    alter table person alter big set storage external;
    create table account (mail text primary key, n int);
    create table whole (id int, mail text, big text);
    alter table whole replica identity full;
    create table plain (mail text not null, n int);
    create unique index on plain (mail);
    alter table plain replica identity full;
    create table hidden (id int primary key, mail text);
'''

MASKS = ['mask = public.*.mail=hash', 'mask = public.person.name=truncate:1',
         'mask = public.person.born=fixed:1900', 'mask = public.*.pay=hash',
         'mask = public.*.tags=hash', 'mask = public.*.doc=hash',
         'mask = public.*.photo=hash', 'mask = public.*.big=fixed:***',
         'mask = public.*.note=hash', 'mask = public.person.kind=fixed:',
         'column_exclude = public.person.left_out',
         'table_exclude = public.hidden', 'message_exclude = secret*']

VALUES = """'ann.zqxj7@x', 'Zqxj7', '1977-07-07', 77.7, '{"zqxj7"}',
    '{"a": "zqxj7"}', 'zqxj7', repeat('zqxj7 ', 2000), 'zqxj7', 'zqxj7',
    'lavish'"""


def write_secrets(pg):
    pg.sql(f'insert into person values (1, {VALUES})')
    pg.sql('insert into person (id) values (2)')
    pg.sql('insert into person values (3, %s, null, null, null, null, null, '
           'null, null, null, null, null)', ('zqxj7 null',))
    pg.sql("update person set name = 'Zqxj7 two' where id = 1")
    pg.sql('update person set id = 4 where id = 1')
    pg.sql('delete from person where id = 4')
    pg.sql("insert into account values ('zqxj7.one', 1), ('zqxj7.two', 2)")
    pg.sql("update account set n = 3 where mail = 'zqxj7.one'")
    pg.sql("update account set mail = 'zqxj7.new' where mail = 'zqxj7.one'")
    pg.sql("delete from account where mail = 'zqxj7.two'")
    for table in ('whole values (1, ', 'plain (n, mail) values (1, '):
        pg.sql(f"insert into {table} 'zqxj7 full')")
    pg.sql("update whole set big = repeat('zqxj7', 3000)")
    pg.sql('update whole set id = 2')
    pg.sql('delete from whole')
    pg.sql("update plain set mail = 'zqxj7 full two'")
    pg.sql('delete from plain')
    pg.sql("insert into hidden values (1, 'zqxj7')")
    pg.sql("select pg_logical_emit_message(true, 'secrets', 'zqxj7')")
    pg.transaction(
        "insert into account select 'zqxj7' || g, g "
        "from generate_series(10, 1500) g",
        'savepoint a', "insert into account values ('zqxj7.undone', 5)",
        'rollback to a')
    pg.sql("alter table person alter mail set default 'zqxj7.later'; "
           "alter table person add late text default 'none'")
    pg.sql('insert into person (id) values (5)')


FORMATS = {
    'json': 'format=json', 'protobuf': 'format=protobuf',
    'schemas': 'format=debezium-json&provide_transaction_metadata=on',
    'bare': 'format=debezium-json&schemas_enable=off'
            '&include_unknown_datatypes=on',
}


def every_sink(kafka, registry, out, mark):
    """Each format in every kind of sink that makes a difference."""
    registered = {'avro': f'format=avro&schema_registry={registry}',
                  'typed': f'format=protobuf&schema_registry={registry}'}
    return [
        *(f'k{mark}{name}={kafka}{name}&{how}'
          for name, how in {**FORMATS, **registered}.items()),
        *(f'f{mark}{name}=file:{out}{name}?{how}&sync_interval=200ms'
          for name, how in FORMATS.items() if name != 'bare'),
        *(f'd{mark}{name}=dir://{out}lake_{name}?{how}&flush_interval=200ms'
          for name, how in FORMATS.items() if name in ('json', 'schemas'))]


@pytest.mark.parametrize('source', SOURCES)
def test_masked_values_never_leave(pg, relay, kafka, registry, tmp_path,
                                   source):
    pg.server.admin.sql(f'alter database {pg.dbname} set '
                 'logical_decoding_work_mem = 64')
    pg.sql(PERSON)
    pg.publication()
    pg.create_slot(plugin=source)
    options = ['-P', source, '-v', '-o', 'messages=on', '--spool-memory', '1MB',
               *config(tmp_path / 'config', *MASKS)]
    (tmp_path / 'out').mkdir()

    def sinks(mark=''):
        return every_sink(f'{kafka.url}?prefix={pg.dbname}.{mark}',
                          registry.url, f'{tmp_path}/out/{mark}', mark)
    process = relay.stream(pg, *sinks(), options=options)
    write_secrets(pg)
    pg.wait_confirmed()
    process.stop()
    # sinks that are new get what the tables have
    second = relay.stream(pg, *sinks('late_'),
                          options=[*options, '--snapshot=initial'])
    second.stop()

    broker = Kafka(kafka, pg)
    assert not [name for name in broker.topics() if 'hidden' in name]
    for where, data in broker.blobs():
        assert_hidden(data, where)
        # notes keep descriptions, labels of types among them, but no values
        assert where.startswith('<__pg_fanout') or b'lavish' not in data
    for path in files_below(tmp_path / 'out'):
        assert_hidden(unpacked(path.read_bytes()), path)
        assert_hidden(str(path).encode(), path)
    assert_hidden(process.stderr.encode(), 'log')
    assert_hidden(second.stderr.encode(), 'log')
    for subject in registry.subjects(pg.dbname):
        for text in registry.versions(subject):
            assert_hidden(text.encode(), subject)
    check_usable(pg, read_json(tmp_path / 'out' / 'json'))
    late = read_json(tmp_path / 'out' / 'late_json')
    assert {r['op'] for r in late} == {'read'}
    assert {r['after']['id'] for r in late if r['table'] == 'person'} == {
        2, 3, 5}
    # the search itself finds what is there
    with pytest.raises(AssertionError):
        assert_hidden(b'a zqxj7', 'here')


def check_usable(pg, records):
    """What passes still says which row is which."""
    rows = [r for r in records if r['table'] == 'account']
    keys = [r['key']['mail'] for r in rows]
    assert keys[:5] == [hashed('zqxj7.one'), hashed('zqxj7.two'),
                        hashed('zqxj7.one'), hashed('zqxj7.new'),
                        hashed('zqxj7.two')]
    assert len(set(keys)) == 3 + 1491
    people = [r for r in records if r['table'] == 'person']
    assert operations(people) == [('insert', 1), ('insert', 2), ('insert', 3),
                                  ('update', 1), ('update', 4), ('delete', 4),
                                  ('insert', 5)]
    first = people[0]['after']
    assert first == {
        'id': 1, 'mail': hashed('ann.zqxj7@x'), 'name': 'Z', 'born': '1900',
        'pay': hashed('77.7'), 'tags': hashed('["zqxj7"]'),
        'doc': hashed('{"a": "zqxj7"}'), 'photo': hashed('enF4ajc='),
        'big': '***', 'note': hashed('zqxj7'), 'kind': ''}
    assert people[2]['after']['name'] is None
    assert people[3]['unchanged'] == ['big']
    assert [r['op'] for r in records if r['table'] == 'whole'] == [
        'insert', 'update', 'update', 'delete']


@pytest.mark.parametrize('source', SOURCES)
def test_errors_quote_no_rows(pg, relay, kafka, source):
    """A record that cannot be delivered: the message says where it is."""
    pg.sql('create table t (id int primary key, mail text)')
    pg.publication()
    pg.create_slot(plugin=source)
    pg.sql("insert into t values (1, repeat('zqxj7', 40000))")
    process = relay.run(
        *pg.args, '-S', pg.slot, '-P', source, '-v', '--start',
        '-o', 'publication_names=pub',
        '--endpos', rig.lsn_text(pg.wal_position()), '--sink',
        f'{kafka.url}?message_max_bytes=20000&compression=none')
    assert process.code in (rig.Exit.SINK_WRITE, rig.Exit.RECORD)
    assert 'public.t' in process.stderr
    assert_hidden(process.stderr.encode(), 'log')


def test_key_that_would_be_lost(pg, relay, tmp_path):
    """Refused at the first sight of the table, with a sentence."""
    pg.sql('create table t (mail text primary key)')
    pg.publication()
    pg.create_slot()
    pg.sql("insert into t values ('zqxj7')")
    for line in ('mask = public.t.mail=fixed:x',
                 'column_exclude = public.t.mail'):
        process = relay.run(
            *pg.args, '-S', pg.slot, '--start', '-v',
            '-o', 'publication_names=pub', '--sink', 'null:',
            '--endpos', rig.lsn_text(pg.wal_position()),
            *config(tmp_path / 'c', line))
        assert process.code == rig.Exit.USAGE, process.stderr
        assert 'column mail of table public.t is part of its key' in \
            process.stderr
        assert_hidden(process.stderr.encode(), 'log')


def test_proto_is_that_of_the_records(pg, relay, tmp_path):
    pg.sql('create table t (id int primary key, born date, gone text)')
    args = [*pg.args, '--print-proto', 'public.t',
            *config(tmp_path / 'c', 'mask = *.*.born=hash',
                    'column_exclude = *.*.gone')]
    process = relay.run(*args)
    assert process.code == 0, process.stderr
    text = process.output.decode()
    assert 'string born = 2' in text and 'gone' not in text
    process = relay.run(*args, '--table-exclude', 'public.*')
    assert process.code == rig.Exit.USAGE
    assert 'left out by' in process.stderr


def test_tables_and_positions(pg, relay, tmp_path):
    """Numbers do not depend on what is left out; empty transactions count."""
    pg.sql('create table a (id int primary key); '
           'create table b (id int primary key); create schema s; '
           'create table s."x.y" (id int primary key, n int)')
    pg.publication()
    pg.create_slot()
    process = relay.stream(
        pg, f'file:{tmp_path}/out', options=[
            '--table-include', 'public.a', '--table-include', 's.x\\.y',
            '--column-exclude', 's.*.n'])
    pg.transaction('insert into b values (1)', 'insert into a values (1)',
                   'insert into b values (2)', 'insert into a values (2)')
    pg.sql('insert into b values (3)')
    pg.sql('insert into s."x.y" values (1, 2)')
    pg.wait_confirmed()
    process.stop()
    records = read_json(tmp_path / 'out')
    assert [(r['table'], r['seq'], r['after']) for r in records] == [
        ('a', 2, {'id': 1}), ('a', 4, {'id': 2}), ('x.y', 1, {'id': 1})]


# ---- the outbox ----

OUTBOX = '''create table outbox (
    id uuid primary key default gen_random_uuid(),
    aggregatetype text, aggregateid text, type text, payload jsonb,
    tenant int)'''

EVENT = ("insert into outbox (id, aggregatetype, aggregateid, type, payload,"
         " tenant) values (%s, %s, %s, %s, %s, %s)")

ID = '3d8f7a50-2f0c-4a54-9a5a-111111111111'


@pytest.mark.parametrize('source,fmt', [
    ('pg_fanout', 'json'), ('pgoutput', 'protobuf'),
    ('pg_fanout', 'debezium-json')])
def test_outbox(pg, relay, kafka, tmp_path, source, fmt):
    pg.sql(OUTBOX + '; create table t (id int primary key)')
    pg.publication()
    pg.create_slot(plugin=source)
    run = pg.dbname
    process = relay.stream(
        pg, f'{kafka.url}?format={fmt}', f'dir://{tmp_path}/lake?'
        'flush_interval=200ms', f'file:{tmp_path}/out', options=[
            '-P', source, '--outbox-table', 'public.outbox',
            '--outbox-topic', '{db}.event.{route}',
            '--outbox-headers', 'tenant:x-tenant,aggregatetype'])
    pg.transaction('insert into t values (1)')
    pg.sql(EVENT, (ID, 'order', 'o-1', 'Made', '{"n": [1, "a\\nb"]}', 7))
    pg.sql(EVENT, (ID[:-1] + '2', 'a.b c', 'o-2', 'Odd', '"ü"', None))
    pg.sql(EVENT, (ID[:-1] + '3', 'order', 'o-1', 'Gone', None, 7))
    pg.sql('delete from outbox')
    pg.sql('truncate outbox')
    pg.wait_confirmed()
    process.stop()

    first, gone = kafka.read(f'{run}.event.order')
    assert (first.key, first.value) == (b'o-1', b'{"n": [1, "a\\nb"]}')
    assert first.headers == {'id': ID.encode(), 'eventType': b'Made',
                             'x-tenant': b'7', 'aggregatetype': b'order'}
    assert (gone.key, gone.value) == (b'o-1', None)
    odd, = kafka.read(f'{run}.event.a.b-20c')
    assert (odd.key, odd.value) == (b'o-2', '"ü"'.encode())
    assert odd.headers['x-tenant'] is None
    assert f'{run}.public.outbox' not in kafka.topics()
    assert f'{run}.public.t' in kafka.topics()

    events = [json.loads(line) for path in
              directory_objects(tmp_path / 'lake') if 'event' in str(path)
              for line in unpacked(path.read_bytes()).splitlines()]
    assert sorted(map(str, events)) == sorted(
        map(str, [{'n': [1, 'a\nb']}, 'ü']))
    lines = parse_lines((tmp_path / 'out').read_bytes(), 'out')
    assert lines[1:] == [{'n': [1, 'a\nb']}, 'ü']


@pytest.mark.parametrize('kind,payload,whole,line', [
    ('text', 'two\nlines', b'two\nlines', 'two\nlines'),
    ('bytea', b'\x00\xff\n', b'\x00\xff\n', 'AP8K'),
    ('json', '{"a":\n1}', b'{"a":\n1}', {'a': 1}),
    ('int', 5, b'5', 5)])
def test_outbox_payloads(pg, relay, kafka, tmp_path, kind, payload, whole,
                         line):
    """As it is in a record of its own; in lines as JSON."""
    pg.sql(f'create table box (id int primary key, k int, body {kind}, '
           'what text)')
    pg.publication()
    pg.create_slot()
    process = relay.stream(
        pg, kafka.url, f'file:{tmp_path}/out',
        options=['--outbox-table', 'public.box', '--outbox-key', 'k',
                 '--outbox-payload', 'body', '--outbox-route', 'what',
                 '--outbox-topic', '{db}.{route}'])
    pg.sql('insert into box values (1, 2, %s, %s)', (payload, 'w'))
    pg.wait_confirmed()
    process.stop()
    record, = kafka.read(f'{pg.dbname}.w')
    assert (record.key, record.value) == (b'2', whole)
    assert record.headers == {'id': b'1'}
    assert parse_lines((tmp_path / 'out').read_bytes(), 'out') == [line]


def test_outbox_what_is_no_event(pg, relay, tmp_path):
    pg.sql(OUTBOX)
    pg.publication()
    pg.create_slot()
    pg.sql(EVENT, (ID, 'order', 'o-1', 'Made', '{}', 7))
    pg.sql("update outbox set tenant = 8, payload = '\"zqxj7\"'")
    pg.sql(EVENT, (ID[:-1] + '2', None, 'o-2', 'Lost', '"zqxj7"', 7))
    pg.sql(EVENT, (ID[:-1] + '4', 'order', 'o-4', 'Made', '4', 7))
    args = [*pg.args, '-S', pg.slot, '--start', '-o', 'publication_names=pub',
            '--endpos', rig.lsn_text(pg.wal_position()), '-v',
            '--sink', f'file:{tmp_path}/out', '--outbox-table']
    process = relay.run(*args, 'public.outbox', '--outbox-key', 'nothing')
    assert process.code == rig.Exit.USAGE
    assert 'has no column nothing' in process.stderr
    process = relay.run(*args, 'public.outbox')
    assert process.code == rig.Exit.RECORD
    assert 'a row was updated, which is no event' in process.stderr
    assert 'outbox_on_invalid' in process.stderr
    assert_hidden(process.stderr.encode(), 'log')
    process = relay.run(*args, 'public.outbox', '--outbox-on-invalid', 'warn')
    assert process.code == 0, process.stderr
    assert process.stderr.count(': left out') == 2
    assert_hidden(process.stderr.encode(), 'log')
    assert (tmp_path / 'out').read_bytes() == b'{}\n4\n'


# ---- flattened rows ----

def flat(pg, relay, tmp_path, *sinks, source='pg_fanout'):
    """Every operation through the sinks."""
    pg.sql('create table t (id int primary key, name text, big text); '
           'alter table t alter big set storage external; '
           'create table whole (id int primary key, n text); '
           'alter table whole replica identity full')
    pg.publication()
    pg.create_slot(plugin=source)
    process = relay.stream(pg, *sinks, options=['-P', source])
    pg.sql("insert into t values (1, 'a', repeat('x', 3000))")
    pg.sql("update t set name = 'b' where id = 1")
    pg.sql('update t set id = 2 where id = 1')
    pg.sql('delete from t')
    pg.sql("insert into whole values (5, 'v')")
    pg.sql('delete from whole')
    pg.sql('truncate t')
    pg.wait_confirmed()
    process.stop()


def rows(records):
    """(key, value) with JSON read."""
    return [(json.loads(r.key), r.value and json.loads(r.value))
            for r in records]


PLACEHOLDER = '__debezium_unavailable_value'


@pytest.mark.parametrize('mode', ['tombstone', 'delete-to-tombstone', 'drop',
                                  'rewrite', 'rewrite-with-tombstone'])
def test_flat_debezium(pg, relay, kafka, tmp_path, mode):
    """What ExtractNewRecordState makes of the same."""
    flat(pg, relay, tmp_path,
         f'{kafka.url}?format=debezium-json&schemas_enable=off&flatten=on'
         f'&delete_tombstone_handling_mode={mode}&partitions=1'
         '&add_fields=op,source.table,lsn:at,transaction.id'
         '&add_headers=op,source.sequence&extended_headers_enabled=off')
    records = kafka.read(f'{pg.dbname}.public.t')
    marks = {'__deleted': 'false'} if 'rewrite' in mode else {}
    dead = {'__deleted': 'true'}

    def row(number, name, big, op, marks=marks):
        return {'id': number, 'name': name, 'big': big, **marks, '__op': op,
                '__source_table': 't', '__transaction_id': None}
    got = rows(records)
    for _, value in got:
        if value is not None:
            assert value.pop('__at') > 0
    key_change = {
        'drop': [], 'rewrite': [({'id': 1}, row(1, None, None, 'd', dead))],
        'rewrite-with-tombstone': [({'id': 1}, row(1, None, None, 'd', dead)),
                                   ({'id': 1}, None)],
    }.get(mode, [({'id': 1}, None)])
    gone = [({'id': 2}, value and {**value, 'id': 2})
            for _, value in key_change]
    assert got == [
        ({'id': 1}, row(1, 'a', 'x' * 3000, 'c')),
        ({'id': 1}, row(1, 'b', PLACEHOLDER, 'u')), *key_change,
        ({'id': 2}, row(2, 'b', PLACEHOLDER, 'c')), *gone]
    first = records[0].headers
    assert first['__op'] == b'c'
    assert json.loads(first['__source_sequence'])[1].isdigit()
    created = next(r for r in records[2:] if r.headers['__op'] == b'c')
    assert '__debezium.oldkey' in created.headers
    assert [r.headers['__op'] for r in records if r.value is None] == \
        [b'd'] * (0 if mode in ('drop', 'rewrite') else 2)
    whole = rows(kafka.read(f'{pg.dbname}.public.whole'))
    if 'rewrite' in mode:
        assert whole[1][1]['n'] == 'v' and whole[1][1]['__deleted'] == 'true'


def test_flat_debezium_schemas(pg, relay, tmp_path, kafka, registry):
    flat(pg, relay, tmp_path,
         f'file:{tmp_path}/out?format=debezium-json&flatten=on'
         '&add_fields=op,source.snapshot'
         '&delete_tombstone_handling_mode=rewrite',
         f'{kafka.url}?format=avro&schema_registry={registry.url}&flatten=on'
         '&add_fields=op')
    first = read_json(tmp_path / 'out')[0]
    schema = first['schema']
    assert first['payload'] == {
        'id': 1, 'name': 'a', 'big': 'x' * 3000, '__deleted': 'false',
        '__op': 'c', '__source_snapshot': 'false'}
    assert {**schema, 'fields': None} == {
        'type': 'struct', 'fields': None, 'optional': False,
        'name': f'{pg.dbname}.public.t.Value'}
    assert schema['fields'][0] == {'type': 'int32', 'optional': False,
                                   'field': 'id'}
    assert schema['fields'][3:5] == [
        {'type': 'string', 'optional': True, 'field': '__deleted'},
        {'type': 'string', 'optional': True, 'field': '__op'}]
    assert schema['fields'][5]['name'] == 'io.debezium.data.Enum'
    assert 'default' not in schema['fields'][5]
    text, = registry.versions(f'{pg.dbname}.public.t-value')
    names = [field['name'] for field in json.loads(text)['fields']]
    assert names == ['id', 'name', 'big', '__op']
    assert kafka.read(f'{pg.dbname}.public.t')[0].value[5:].startswith(
        b'\x02\x02\x02a')


@pytest.mark.parametrize('source,mode', [
    ('pg_fanout', 'tombstone'), ('pgoutput', 'drop'),
    ('pg_fanout', 'rewrite')])
def test_flat_json(pg, relay, kafka, tmp_path, source, mode):
    fields = 'op,table,lsn,seq,xid,commit_time,origin,unchanged,db,schema'
    flat(pg, relay, tmp_path, f'{kafka.url}?flatten=on&partitions=1'
         f'&flatten_delete={mode}&flatten_fields={fields}',
         f'file:{tmp_path}/out?flatten=on', source=source)
    records = kafka.read(f'{pg.dbname}.public.t')
    got = rows(records)
    first = got[0][1]
    assert rig.lsn(first['__lsn']) > 0 and first['__commit_time'][0] == '2'
    assert (first['__seq'], first['__table'], first['__db']) == (
        1, 't', pg.dbname)
    assert first['__origin'] is None and first['__xid'] > 0
    plain = [(key['id'], value and (value.get('id'), value['__op'],
                                    value.get('__deleted'),
                                    value['__unchanged'], 'big' in value))
             for key, value in got]
    no = False if mode == 'rewrite' else None
    assert plain[:4] == [
        (1, (1, 'insert', no, [], True)),
        (1, (1, 'update', no, ['big'], False)),
        (1, None), (2, (2, 'update', no, ['big'], False))]
    assert plain[4:] == {
        'tombstone': [(2, None)], 'drop': [],
        'rewrite': [(2, (2, 'delete', True, [], False)), (2, None)]}[mode]
    lines = read_json(tmp_path / 'out')
    assert lines[0] == {'id': 1, 'name': 'a', 'big': 'x' * 3000}
    assert lines[1] == {'id': 1, 'name': 'b'} and len(lines) == 4


@pytest.mark.parametrize('source,mode', [
    ('pg_fanout', 'rewrite'), ('pgoutput', 'tombstone'),
    ('pg_fanout', 'drop')])
def test_flat_protobuf(pg, relay, kafka, tmp_path, source, mode):
    """Rows by the .proto that is printed for the sink."""
    sink = (f'{kafka.url}?format=protobuf&flatten=on&flatten_delete={mode}'
            '&flatten_fields=op,lsn,seq,commit_time,table&partitions=1')
    flat(pg, relay, tmp_path, sink, source=source)
    printed = relay.run(*pg.args, '--sink', sink, '--print-proto', 'public.t')
    schema = Schema(printed.output.decode(), tmp_path / 'schema')
    assert schema.file.package == 'fanout_row.public_'
    records = kafka.read(f'{pg.dbname}.public.t')
    got = [r.value and decode(schema.message(), r.value) for r in records]
    first = got[0]
    assert names(first) == {
        'id': 1, 'name': 'a', 'big': 'x' * 3000, 'fanoutOp': 'insert',
        'fanoutTable': 't', 'fanoutSeq': 1, 'fanoutLsn': first.fanout_lsn,
        'fanoutCommitTime': first.fanout_commit_time,
        **({'fanoutDeleted': False} if mode == 'rewrite' else {})}
    assert first.fanout_commit_time > 1700000000 * 1000000
    plain = [row and (row.id, row.name, row.fanout_op,
                      list(row.fanout_unchanged), row.HasField('big'))
             for row in got]
    changed = (2, 'b', 'update', ['big'], False)
    assert plain[:4] == [(1, 'a', 'insert', [], True),
                         (1, 'b', 'update', ['big'], False), None, changed]
    assert plain[4:] == {
        'tombstone': [None], 'drop': [],
        'rewrite': [(2, '', 'delete', [], False), None]}[mode]
    if mode == 'rewrite':
        assert got[4].fanout_deleted and not got[4].HasField('name')
    assert [r.key for r in records] == [b'\x08\x02'] * 3 + \
        [b'\x08\x04'] * (len(records) - 3)


def test_flat_usage(pg, relay):
    pg.publication()
    pg.create_slot()
    for query, words in [
            ('format=debezium-json&flatten=on&add_fields=op,what', '"what"'),
            ('format=json&flatten_fields=what', '"what"'),
            ('format=protobuf&flatten_fields=deleted', '"deleted"'),
            ('format=json&flatten_delete=what', 'flatten')]:
        process = relay.run(
            *pg.args, '-S', pg.slot, '--start', '-o', 'publication_names=pub',
            '--sink', f'null:?{query}')
        assert process.code == rig.Exit.USAGE, process.stderr
        assert words in process.stderr


def test_outbox_usage(pg, relay):
    for option, value, words in [
            ('topic', 'x.{table}', 'unknown field "{table}"'),
            ('table', 'outbox', 'outbox_table'),
            ('headers', 'a,,b', 'empty name')]:
        process = relay.run(
            *pg.args, '-S', 'none', '--start', '--sink', 'null:',
            '--outbox-table', 'public.outbox', f'--outbox-{option}', value)
        assert process.code == rig.Exit.USAGE, process.stderr
        assert words in process.stderr
