"""test_ack.py: what may be confirmed, and where a restart goes on.

Positions of transactions that overlap in the WAL: a change may stand before
another transaction's commit, its own commit long after it.
"""
import threading

import pytest

import rig
from records import operations, positions, read_json


@pytest.fixture
def table(pg):
    pg.sql('create table t (id int primary key, v int)')
    pg.publication(tables=['t'])
    pg.create_slot()
    return pg


def insert(connection, *numbers):
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute('insert into t values (%s)', (number,))


@pytest.mark.parametrize('confirmed', [False, True])
def test_overlapping_transactions(table, relay, tmp_path, confirmed):
    """A inserts, B commits, A inserts, the relay stops, A commits. B's commit
    is confirmed before A goes on, or only with A's."""
    out = tmp_path / 'out'
    sink = f'file:{out}?sync_interval={"0" if confirmed else "1h"}'
    process = relay.stream(table, sink, options=['-s', '1'])
    a = table.connect(autocommit=False)
    insert(a, 1)
    table.sql('insert into t values (2)')
    committed = table.wal_position()
    if confirmed:
        table.wait_confirmed(committed)
    insert(a, 3)
    process.kill()
    rig.wait_until(lambda: not table.walsender(), what='a free slot')
    before = table.confirmed()
    a.commit()
    a.close()
    process = relay.stream(table, f'file:{out}?sync_interval=50ms')
    table.wait_confirmed()
    process.stop()
    assert (before >= committed) == confirmed
    assert operations(read_json(out)) == [
        ('insert', 2), ('insert', 1), ('insert', 3)]


def test_first_after_the_confirmed(table, relay, tmp_path):
    """What was confirmed does not come again, to a sink that knows nothing of
    it either: a commit's end is confirmed, not its beginning."""
    process = relay.stream(table, f'file:{tmp_path}/one?sync_interval=0')
    for number in range(5):
        table.sql('insert into t values (%s)', (number,))
        table.wait_confirmed()
    process.kill()
    rig.wait_until(lambda: not table.walsender(), what='a free slot')
    table.sql('insert into t values (5)')
    process = relay.stream(table, f'file:{tmp_path}/two?sync_interval=0')
    table.wait_confirmed()
    process.stop()
    assert operations(read_json(tmp_path / 'two')) == [('insert', 5)]


def test_one_hot_key(table, relay, tmp_path):
    """Sixteen sessions change one row: its values come in commit order, and
    the positions of all records only grow."""
    table.sql('insert into t values (1, 0)')
    out = tmp_path / 'out'
    process = relay.stream(table, f'file:{out}?sync_interval=100ms')

    def work(number):
        connection = table.connect(autocommit=False)
        with connection.cursor() as cursor:
            for turn in range(20):
                cursor.execute('insert into t values (%s, 0)',
                               (100 + number * 100 + turn,))
                cursor.execute('update t set v = v + 1 where id = 1')
                if (number + turn) % 5:
                    connection.commit()
                else:
                    connection.rollback()
        connection.close()
    threads = [threading.Thread(target=work, args=(number,))
               for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table.wait_confirmed()
    process.stop()
    records = read_json(out)
    values = [r['after']['v'] for r in records if r['key'] == {'id': 1}]
    assert values == list(range(257))
    found = positions(records)
    assert found == sorted(set(found))


def test_statement_of_many_rows(table, relay, tmp_path):
    """COPY, a trigger's rows, one INSERT: numbered without a gap."""
    table.sql('''create table log (n serial primary key, id int);
        alter publication pub add table log;
        create function note() returns trigger language plpgsql as
        'begin insert into log (id) values (new.id); return new; end';
        create trigger noting after insert on t for each row
        execute function note()''')
    out = tmp_path / 'out'
    process = relay.stream(table, f'file:{out}?sync_interval=100ms')
    table.sql('insert into t select generate_series(1, 5000)')
    table.sql("copy t (id) from program 'seq 5001 10000'")
    table.wait_confirmed()
    process.stop()
    records = read_json(out)
    by_transaction = {}
    for lsn, seq in positions(records):
        by_transaction.setdefault(lsn, []).append(seq)
    assert list(by_transaction.values()) == [list(range(1, 10001))] * 2
    assert sorted(r['after']['id'] for r in records if r['table'] == 'log') \
        == list(range(1, 10001))
