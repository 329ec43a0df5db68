"""test_basic.py: rows in, records out, by way of files."""
import json
import signal
import time

import pytest

import rig
from records import operations, positions, read_json


@pytest.fixture
def bank(pg):
    pg.sql('create schema burst_bank')
    pg.sql('create table burst_bank.customer (custkey bigint primary key, '
           'first_name text, fico smallint)')
    pg.publication(tables=['burst_bank.customer'])
    pg.create_slot()
    return pg


def test_operations(bank, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    bank.sql("insert into burst_bank.customer values (1, 'Ada', 700), "
             "(2, 'Grace', null)")
    bank.sql('update burst_bank.customer set fico = 701 where custkey = 1')
    bank.sql('update burst_bank.customer set custkey = 3 where custkey = 2')
    bank.sql('delete from burst_bank.customer where custkey = 1')
    bank.sql('truncate burst_bank.customer')
    bank.wait_confirmed()
    process.stop()
    records = read_json(out)
    assert operations(records) == [
        ('insert', 1), ('insert', 2), ('update', 1), ('update', 3),
        ('delete', 1), ('truncate', None)]
    first, second, update, moved, gone, truncated = records
    assert first['after'] == {'custkey': 1, 'first_name': 'Ada', 'fico': 700}
    assert first['before'] is None
    assert second['after']['fico'] is None
    assert update['after'] == {'custkey': 1, 'first_name': 'Ada',
                               'fico': 701}
    assert moved['before']['custkey'] == 2
    assert gone['before']['custkey'] == 1 and gone['after'] is None
    for record in records:
        assert (record['db'], record['schema'], record['table']) == (
            bank.dbname, 'burst_bank', 'customer')
    assert positions(records) == sorted(set(positions(records)))
    assert [r['seq'] for r in records] == [1, 2, 1, 1, 1, 1]
    assert first['lsn'] == second['lsn'] and first['xid'] == second['xid']


def test_rolled_back_is_nothing(bank, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    connection = bank.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('insert into burst_bank.customer values (1)')
        connection.rollback()
        cursor.execute('insert into burst_bank.customer values (2)')
        cursor.execute('savepoint s')
        cursor.execute('insert into burst_bank.customer values (3)')
        cursor.execute('rollback to savepoint s')
        cursor.execute('insert into burst_bank.customer values (4)')
        connection.commit()
    connection.close()
    bank.wait_confirmed()
    process.stop()
    records = read_json(out)
    assert operations(records) == [('insert', 2), ('insert', 4)]
    assert [r['seq'] for r in records] == [1, 2]


def test_restart_doubles_nothing(bank, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    for start in range(4):
        process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
        bank.sql(f'insert into burst_bank.customer select {start} * 1000 + g '
                 'from generate_series(1, 200) g')
        if start % 2:
            # stopped at once: the rest comes with the next start
            bank.wait_confirmed()
        process.stop()
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    bank.wait_confirmed()
    process.stop()
    assert [r['key']['custkey'] for r in read_json(out)] == [
        start * 1000 + g for start in range(4) for g in range(1, 201)]


def test_two_sinks_two_formats(bank, relay, tmp_path):
    text, binary = tmp_path / 'out.jsonl', tmp_path / 'out.pb'
    process = relay.stream(bank, f'text=file:{text}?sync_interval=100ms',
                           f'typed=file:{binary}?format=protobuf'
                           '&sync_interval=100ms', 'null:')
    bank.sql('insert into burst_bank.customer select g from '
             'generate_series(1, 1000) g')
    bank.wait_confirmed()
    process.stop()
    assert len(read_json(text)) == 1000
    data, count, at = binary.read_bytes(), 0, 0
    while at < len(data):
        size, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        # field 1, the operation, comes first: INSERT is 1
        assert data[at:at + 2] == b'\x08\x01'
        at += size
        count += 1
    assert at == len(data) and count == 1000


def test_messages(bank, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms', options=['-o', 'messages=on'])
    bank.sql("select pg_logical_emit_message(true, 'audit', 'hello')")
    bank.sql("select pg_logical_emit_message(false, 'tick', '\\xff00'::bytea)")
    bank.sql('insert into burst_bank.customer values (1)')
    bank.wait_confirmed()
    process.stop()
    records = {r.get('prefix', r['op']): r for r in read_json(out)}
    assert records['audit']['op'] == 'message'
    assert records['audit']['content'] == 'hello'
    assert records['audit']['transactional'] is True
    assert records['tick']['transactional'] is False
    assert records['tick']['content_base64'] == '/wA='
    assert records['insert']['key'] == {'custkey': 1}


def test_publication_decides(bank, relay, tmp_path):
    """Only the publication's tables and actions arrive."""
    bank.sql('create table other (a int primary key)')
    bank.sql("alter publication pub set (publish = 'insert, delete')")
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    bank.sql('insert into other values (1)')
    bank.sql('insert into burst_bank.customer values (1)')
    bank.sql("update burst_bank.customer set first_name = 'x'")
    bank.sql('delete from burst_bank.customer')
    bank.wait_confirmed()
    process.stop()
    assert operations(read_json(out)) == [('insert', 1), ('delete', 1)]


def test_unchanged_long_value(bank, relay, tmp_path):
    """A value stored out of line that did not change is named, not NULL."""
    bank.sql('alter table burst_bank.customer alter first_name '
             'set storage external')
    bank.sql("insert into burst_bank.customer values "
             "(1, repeat('x', 10000), 1)")
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    bank.sql('update burst_bank.customer set fico = 2')
    bank.wait_confirmed()
    process.stop()
    update = read_json(out)[-1]
    assert update['unchanged'] == ['first_name']
    assert 'first_name' not in update['after']
    assert update['after']['fico'] == 2


def test_schema_changes_on_the_way(bank, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    bank.sql('insert into burst_bank.customer values (1)')
    bank.transaction('alter table burst_bank.customer add city text '
                     "default 'Basel'",
                     'insert into burst_bank.customer values (2)',
                     'alter table burst_bank.customer drop fico',
                     'insert into burst_bank.customer values (3)')
    bank.sql('alter table burst_bank.customer rename city to town')
    bank.sql('insert into burst_bank.customer values (4)')
    bank.wait_confirmed()
    process.stop()
    assert [list(r['after']) for r in read_json(out)] == [
        ['custkey', 'first_name', 'fico'],
        ['custkey', 'first_name', 'fico', 'city'],
        ['custkey', 'first_name', 'city'],
        ['custkey', 'first_name', 'town']]


def test_streamed_transactions(bank, relay, tmp_path):
    """Larger than logical_decoding_work_mem, with aborted subtransactions."""
    bank.sql(f'alter database {bank.dbname} set logical_decoding_work_mem '
             "= '64kB'")
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    connection = bank.connect(autocommit=False)
    insert = ("insert into burst_bank.customer select g, repeat('x', 100) "
              'from generate_series(%s, %s) g')
    with connection.cursor() as cursor:
        cursor.execute(insert, (1, 3000))
        cursor.execute('savepoint a')
        cursor.execute(insert, (3001, 6000))
        bank.sql('insert into burst_bank.customer values (-1)')
        cursor.execute('rollback to a')
        cursor.execute(insert, (6001, 9000))
        connection.commit()
    connection.close()
    bank.wait_confirmed()
    process.stop()
    assert [r['key']['custkey'] for r in read_json(out)] == [
        -1, *range(1, 3001), *range(6001, 9001)]


def test_rotation_by_signal(bank, relay, tmp_path):
    """As log rotation does it: the file is moved, then SIGHUP."""
    out, moved = tmp_path / 'out.jsonl', tmp_path / 'out.jsonl.1'
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    bank.sql('insert into burst_bank.customer select g from '
             'generate_series(1, 100) g')
    bank.wait_confirmed()
    out.rename(moved)
    process.signal(signal.SIGHUP)
    process.wait_for('reopen')
    rig.wait_until(out.exists, what='a new file')
    bank.sql('insert into burst_bank.customer select g from '
             'generate_series(101, 200) g')
    bank.wait_confirmed()
    process.stop()
    assert [r['key']['custkey'] for r in read_json(moved)] == \
        list(range(1, 101))
    assert [r['key']['custkey'] for r in read_json(out)] == \
        list(range(101, 201))


def test_waits_for_no_more_than_it_must(bank, relay, tmp_path):
    """A row is in the file well before anything is confirmed."""
    out = tmp_path / 'out.jsonl'
    process = relay.stream(bank, f'file:{out}?checkpoint_interval=1h'
                           '&sync_interval=1h')
    began = time.monotonic()
    bank.sql('insert into burst_bank.customer values (1)')
    rig.wait_until(lambda: out.exists() and out.stat().st_size > 0,
                   what='the row in the file')
    assert time.monotonic() - began < 5
    process.stop()
    # the clean stop has recorded it: nothing comes twice
    process = relay.stream(bank, f'file:{out}?sync_interval=100ms')
    bank.wait_confirmed()
    process.stop()
    assert operations(read_json(out)) == [('insert', 1)]


def test_output_is_plain_json(bank, relay):
    process = relay.stream(bank, 'file:-?sync_interval=100ms')
    bank.sql("insert into burst_bank.customer values "
             "(9223372036854775807, E'a\"\\\\\\n\\u00e4\\U0001F600', -1)")
    bank.wait_confirmed()
    process.stop()
    line, = process.output.splitlines()
    assert json.loads(line)['after'] == {
        'custkey': 9223372036854775807, 'first_name': 'a"\\\n\u00e4\U0001F600',
        'fico': -1}
