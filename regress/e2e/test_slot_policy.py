"""test_slot_policy.py: max_retained_wal and max_slot_wal_keep_size, with a
sink that takes nothing."""
import os
import time

import pytest

from records import read_json
from rig import Exit

LIMIT = ('--max-retained-wal=2MB', '--max-retained-wal-grace=1s')


@pytest.fixture
def stuck(pg, relay, tmp_path):
    """start(*options): a relay with a file, and a pipe that nobody reads."""
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    pg.sql('create table t (a int primary key, b text)')
    pg.publication()
    pg.create_slot()

    def start(*options):
        process = relay.stream(
            pg, f'file:{tmp_path}/out?sync_interval=0', 'pipe=file:-',
            options=(*LIMIT, *options), stdout=writer)
        pg.sql("insert into t select g, repeat(md5(g::text), 10) "
               "from generate_series(1, 20000) g")
        return process

    yield start
    os.close(writer)
    os.close(reader)


BLAME = r'holds back .* of WAL, more than max_retained_wal = 2.0 MB: sink "pipe" is the furthest behind, by '


def test_warn(stuck, relay, pg):
    """The default: said, and nothing else."""
    process = stuck()
    process.wait_for('warning: slot .* holds back .* of WAL, more than')
    looks = pg.value('select count(*) from pg_stat_activity where '
                     "datname = %s and application_name = 'pg_fanout' and "
                     "backend_type = 'client backend'", (pg.dbname,))
    assert looks == 1
    time.sleep(2)
    assert process.stderr.count('max_retained_wal') == 1
    assert process.running
    assert pg.slot_info()['active']


def test_drop_slot(stuck, relay, pg, tmp_path):
    process = stuck('--on-max-retained-wal=drop-slot')
    assert process.wait() == Exit.SLOT_GIVEN_UP, process.stderr
    process.wait_for('error: ' + '.*' + BLAME)
    process.wait_for('warning: dropped replication slot')
    assert 'copy the tables again' in process.stderr
    assert pg.slot_info() is None
    # nor does a new slot make it good
    sink = f'file:{tmp_path}/out'
    again = relay.stream(pg, sink, wait=False)
    assert again.wait() == Exit.SLOT_MISSING
    assert 'copy the tables again' in again.stderr
    pg.sql('insert into t values (0)')
    pg.create_slot()
    again = relay.stream(pg, sink, wait=False)
    assert again.wait() == Exit.SLOT_RECREATED, again.stderr
    assert 0 not in [r['after']['a'] for r in read_json(tmp_path / 'out')]


def test_stop(pg, relay):
    """An open transaction is to blame, not the sinks, which catch up first."""
    pg.sql('create table t (a int primary key, b text)')
    pg.publication()
    pg.create_slot()
    connection = pg.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('insert into t values (0)')
        pg.sql("insert into t select g, repeat(md5(g::text), 10) "
               "from generate_series(1, 20000) g")
        process = relay.stream(pg, 'null:?checkpoint_interval=100ms', options=(
            '--max-retained-wal=2MB', '--max-retained-wal-grace=5s',
            '--on-max-retained-wal=stop', '-s', '1'))
        assert process.wait() == Exit.RETAINED_WAL, process.stderr
    connection.close()
    process.wait_for('error: .* a transaction that is still open on the server '
                     'needs it; the sinks are only')
    assert 'drop the slot to save the database' in process.stderr
    assert pg.slot_info() is not None


def test_server_limit(own_pg, relay):
    """INV-6: the server will give the slot up, and the relay says so before."""
    own_pg.sql('create table t (a int primary key)')
    own_pg.publication()
    own_pg.create_slot()
    own_pg.set_to('max_slot_wal_keep_size', '128MB')
    process = relay.stream(
        own_pg, 'stuck=null:?checkpoint_interval=1h',
        options=('--max-retained-wal-grace=1s', '-s', '1'))
    time.sleep(2)
    assert 'is lost' not in process.stderr
    for number in range(8):
        own_pg.sql('insert into t values (%s)', (number,))
        own_pg.sql('select pg_switch_wal()')
    process.wait_for(r'warning: slot .* is lost after [0-9.]+ .B more of WAL')
    process.wait_for('detail: .*"stuck" is the furthest behind')
    process.wait_for('hint: Raise max_slot_wal_keep_size')
    own_pg.set_to('max_slot_wal_keep_size', '1GB')
    process.wait_for('is safe again')
    assert process.stderr.count('is lost') == 1
    process.stop()
