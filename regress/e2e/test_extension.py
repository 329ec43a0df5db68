"""test_extension.py: the SQL side beside a relay that reads the slot."""
import os
import signal

import psycopg2
import pytest

import rig


@pytest.fixture
def watched(pg):
    pg.sql('create extension pg_fanout')
    pg.sql('create table t (id int primary key)')
    pg.publication(tables=['t'])
    pg.create_slot()
    return pg


def slot(pg):
    """The slot's row of fanout.slots as a dict."""
    return pg.value('select to_jsonb(s) from fanout.slots s '
                    'where slot_name = %s', (pg.slot,))


def test_consumer(watched, relay, tmp_path):
    assert slot(watched)['held_back_by'].startswith('no consumer')
    process = relay.stream(watched, f'file:{tmp_path / "out"}')
    watched.sql('insert into t values (1)')
    watched.wait_confirmed()
    row = slot(watched)
    assert row['active'] and row['active_pid'] == watched.walsender()
    assert row['plugin'] == 'pg_fanout' and row['database'] == watched.dbname
    assert row['lag_bytes'] >= 0
    assert row['retained_bytes'] >= row['lag_bytes']
    with pytest.raises(psycopg2.errors.ObjectInUse):
        watched.sql('select * from fanout.peek(%s)', (watched.slot,))
    process.stop()
    rig.wait_until(lambda: not slot(watched)['active'])
    assert slot(watched)['lag_time'] is None


def test_stalled_consumer(watched, relay, tmp_path):
    process = relay.stream(watched, f'file:{tmp_path / "out"}')
    os.kill(process.pid, signal.SIGSTOP)
    try:
        watched.sql('insert into t select generate_series(1, 1000)')
        row = slot(watched)
        assert row['lag_bytes'] > 1000
        assert row['held_back_by'].startswith(
            f"consumer pid {row['active_pid']} has confirmed up to ")
        assert f"is {row['lag_bytes']} bytes behind" in row['held_back_by']
    finally:
        os.kill(process.pid, signal.SIGCONT)
    watched.wait_confirmed()


def test_open_transaction(watched):
    connection = watched.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('insert into t values (1)')
        cursor.execute('select pg_backend_pid()')
        [pid] = cursor.fetchone()
    # standby snapshots tell the slot which transactions are open
    watched.sql('checkpoint')
    watched.sql('insert into t values (2)')
    watched.sql('select count(*) from fanout.get(%s)', (watched.slot,))
    assert f', pid {pid}, ' in slot(watched)['held_back_by']
    connection.rollback()
    connection.close()
    assert f'pid {pid}' not in (slot(watched)['held_back_by'] or '')


def test_view_has_its_readers_rights(watched):
    """Who may not see since when a session is busy does not see it here."""
    role = f'{watched.dbname}_nobody'
    watched.sql(f'create role {role} login')
    connection = watched.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('insert into t values (1)')
    watched.sql('checkpoint')
    watched.sql('insert into t values (2)')
    watched.sql('select count(*) from fanout.get(%s)', (watched.slot,))
    assert ', for 0' in slot(watched)['held_back_by']
    watched.sql(f'set role {role}')
    assert ', for ' not in slot(watched)['held_back_by']
    assert 'oldest open transaction' in slot(watched)['held_back_by']
    watched.sql('reset role')
    connection.rollback()
    connection.close()
    watched.sql(f'drop role {role}')
