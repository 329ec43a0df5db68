"""test_slot_policy.py: max_retained_wal, with a sink that takes nothing."""
import os

import pytest

import rig
from records import read_json
from rig import Exit

LIMIT = ('--max-retained-wal=2MB', '-s', '1')


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
    with pytest.raises(AssertionError, match='time is up'):
        process.wait_for('max_retained_wal', timeout=5,
                         after=len(process.lines))
    assert process.running
    assert pg.slot_info()['active']


def test_stop(stuck, pg):
    process = stuck('--on-max-retained-wal=stop')
    assert process.wait() == Exit.RETAINED_WAL, process.stderr
    process.wait_for('error: ' + '.*' + BLAME)
    assert 'drop the slot to save the database' in process.stderr
    assert pg.slot_info() is not None


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


def test_open_transaction_is_to_blame(pg, relay):
    """Not the sinks: and catching up is no reason to act."""
    pg.sql('create table t (a int primary key, b text)')
    pg.publication()
    pg.create_slot()
    connection = pg.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('insert into t values (0)')
        process = relay.stream(pg, 'null:?checkpoint_interval=100ms',
                               options=LIMIT)
        pg.sql("insert into t select g, repeat(md5(g::text), 10) "
               "from generate_series(1, 20000) g")
        pg.wait_confirmed()
        process.wait_for('a transaction that is still open on the server '
                         'needs it; the sinks are only')
    connection.close()
    rig.wait_until(lambda: pg.sql('checkpoint') or any(
        'no longer too much' in line for line in process.lines), interval=1,
        what='the slot to go on')
    process.stop()
