"""test_failover.py: servers that take over, lose something or come back, and
slots that are not what they were.

What waiting cannot mend stops the relay with a code and a hint of its own:
never a silent gap, never an endless retry.
"""
import json
import signal

import pytest

import rig
from records import Ledger, operations, read_json
from rig import Exit


def file_sink(tmp_path):
    return f'file:{tmp_path}/out?sync_interval=0'


def values(tmp_path):
    return [record['after']['a'] for record in read_json(tmp_path / 'out')]


def checkpoint(tmp_path):
    return json.loads((tmp_path / 'out.checkpoint').read_text())


def start(relay, conninfo, slot, tmp_path, *more, **how):
    return relay('-d', conninfo, '-S', slot, '--start', '-w', '-o',
                 'publication_names=pub', '--sink', file_sink(tmp_path), *more,
                 **how)


def stopped(process, code, *words):
    assert process.wait() == code, process.stderr
    text = process.stderr
    assert code == Exit.CONNECT or 'hint: ' in text, text
    for word in words:
        assert word in text, f'{word!r} is not in: {text}'


def prepare(pair):
    pair.first.sql('create table t (a int primary key)')
    pair.first.publication(tables=['t'])
    pair.first.create_slot()
    return pair


# ---- timelines ----

def test_promotion(pair, relay, tmp_path):
    """The relay goes on with the server that took over; the old one, which
    comes back under its old address, is refused."""
    prepare(pair)
    slot = pair.first.slot
    pair.copy()
    process = start(relay, pair.conninfo, slot, tmp_path).wait_streaming()
    pair.first.sql('insert into t values (1)')
    pair.first.wait_confirmed()
    assert checkpoint(tmp_path)['timeline'] == 1
    pair.caught_up()
    pair.primary.stop('fast')
    seen = len(process.lines)
    pair.standby.promote()
    process.wait_for('from timeline 1 to 2', after=seen, timeout=60)
    process.wait_streaming(after=seen)
    pair.second.sql('insert into t values (2)')
    pair.second.wait_confirmed()
    assert checkpoint(tmp_path)['timeline'] == 2
    process.stop()
    assert values(tmp_path) == [1, 2]
    # FOV-4
    pair.primary.start()
    pair.first.sql('insert into t values (20)')
    stopped(start(relay, pair.first.conninfo, slot, tmp_path), Exit.TIMELINE,
            'timeline 2', 'timeline 1')
    pair.primary.stop('fast')
    # and the checkpoint fits the other one still
    process = start(relay, pair.conninfo, slot, tmp_path).wait_streaming()
    pair.second.sql('insert into t values (3)')
    pair.second.wait_confirmed()
    process.stop()
    assert values(tmp_path) == [1, 2, 3]


def test_slot_from_before_a_promotion(pair, relay, tmp_path):
    """FOV-7: the copy of a slot stands where the first timeline still was: it
    is read across the switch. As the server's 010_logical_decoding_timelines
    does."""
    prepare(pair)
    slot = pair.first.slot
    pair.first.sql('insert into t values (1)')
    pair.copy()
    pair.first.sql('insert into t values (2)')
    pair.caught_up()
    pair.primary.stop('fast')
    pair.standby.promote()
    pair.second.sql('insert into t values (3)')
    process = start(relay, pair.second.conninfo, slot, tmp_path)
    process.wait_streaming()
    pair.second.wait_confirmed()
    process.stop()
    assert values(tmp_path) == [1, 2, 3]
    assert checkpoint(tmp_path)['timeline'] == 2


def test_promotion_that_lost_transactions(pair, relay, tmp_path):
    """FOV-2, FOV-5: what the sink holds is not in the database, and the same
    positions mean other changes there."""
    prepare(pair)
    slot = pair.first.slot
    pair.copy(follow=False)
    process = start(relay, pair.conninfo, slot, tmp_path).wait_streaming()
    pair.first.sql('insert into t select generate_series(1, 1000)')
    pair.first.wait_confirmed()
    pair.primary.stop('immediate')
    pair.standby.promote()
    words = ['timeline 2', 'another way at', 'no longer in the database']
    stopped(process, Exit.DIVERGED, *words)
    # positions are used again
    pair.second.sql('insert into t select generate_series(2001, 9000)')
    assert pair.second.wal_position() > rig.lsn(checkpoint(tmp_path)['lsn'])
    before = pair.second.confirmed()
    stopped(start(relay, pair.conninfo, slot, tmp_path), Exit.DIVERGED, *words)
    assert pair.second.confirmed() == before
    assert values(tmp_path) == list(range(1, 1001))


def test_other_system(own_pg, pg, relay, tmp_path):
    """Behind the name there is another server, with all the same names."""
    twin = pg.server.new_database(own_pg.dbname)
    try:
        for database in own_pg, twin:
            database.sql('create table t (a int primary key)')
            database.publication(tables=['t'])
            database.create_slot()
        both = (f'host={own_pg.host},{twin.host} port={own_pg.port},'
                f'{twin.port} user={own_pg.user} dbname={own_pg.dbname}')
        process = start(relay, both, own_pg.slot, tmp_path).wait_streaming()
        own_pg.sql('insert into t values (1)')
        own_pg.wait_confirmed()
        own_pg.server.stop()
        stopped(process, Exit.SYSTEM, 'system identifier')
        stopped(start(relay, twin.conninfo, twin.slot, tmp_path), Exit.SYSTEM,
                'system identifier', 'pg_upgrade')
    finally:
        twin.close()


# ---- slots ----

@pytest.fixture
def table(pg):
    pg.sql('create table t (a int primary key)')
    pg.publication(tables=['t'])
    pg.create_slot()
    return pg


def drop_in_use(pg, then=''):
    """Drops the slot while the relay reads it, before it can come back."""
    pg.sql(f"""
        do $$ begin
          perform pg_terminate_backend(active_pid)
            from pg_replication_slots where slot_name = '{pg.slot}';
          loop
            begin
              perform pg_drop_replication_slot('{pg.slot}');
              exit;
            exception when object_in_use then
              perform pg_sleep(0.001);
            end;
          end loop;
        end $$""")
    if then:
        pg.sql(then)


def test_slot_ahead(table, relay, tmp_path):
    """ACK-15, moved on by somebody else."""
    process = start(relay, table.conninfo, table.slot, tmp_path)
    process.wait_streaming()
    process.stop()
    table.sql('insert into t values (1)')
    table.sql('select pg_replication_slot_advance(%s, pg_current_wal_lsn())',
              (table.slot,))
    stopped(start(relay, table.conninfo, table.slot, tmp_path),
            Exit.CHECKPOINT, 'ahead of sink', 'pg_replication_slots')


def test_slot_recreated(table, relay, tmp_path):
    """INV-5, while the relay is away."""
    process = start(relay, table.conninfo, table.slot, tmp_path)
    process.wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed()
    process.stop()
    table.drop_slot()
    table.sql('insert into t values (2)')
    table.create_slot()
    before = table.confirmed()
    stopped(start(relay, table.conninfo, table.slot, tmp_path),
            Exit.SLOT_RECREATED, 'created anew', 'Copy the tables again')
    assert table.confirmed() == before
    assert values(tmp_path) == [1]


def test_slot_dropped_while_streaming(table, relay, tmp_path):
    """INV-4"""
    process = start(relay, table.conninfo, table.slot, tmp_path)
    process.wait_streaming()
    drop_in_use(table)
    stopped(process, Exit.SLOT_DROPPED, 'is gone', 'missing')
    stopped(start(relay, table.conninfo, table.slot, tmp_path, '-n'),
            Exit.SLOT_MISSING, 'copy the tables again')


@pytest.mark.parametrize('sink', ['null:', 'file'])
def test_slot_recreated_while_streaming(table, relay, tmp_path, sink):
    """INV-5, at once, and for a sink without checkpoint too."""
    if sink == 'file':
        sink = file_sink(tmp_path)
    process = relay.stream(table, sink)
    drop_in_use(table, 'insert into t values (1)')
    table.create_slot()
    stopped(process, Exit.SLOT_RECREATED, 'created anew')


def test_slot_invalidated(own_pg, relay):
    """INV-1: under a relay that cannot confirm, and then at a start."""
    own_pg.sql('create table t (a int primary key)')
    own_pg.publication(tables=['t'])
    own_pg.create_slot()
    own_pg.set_to('max_slot_wal_keep_size', '1MB')
    own_pg.set_to('max_wal_size', '32MB')
    process = relay.stream(own_pg, 'null:?checkpoint_interval=1h')
    for number in range(4):
        own_pg.sql('insert into t values (%s)', (number,))
        own_pg.sql('select pg_switch_wal()')
    own_pg.sql('checkpoint')
    words = ['invalidated', 'removed WAL', 'max_slot_wal_keep_size']
    stopped(process, Exit.SLOT_INVALIDATED, *words)
    stopped(relay.stream(own_pg, 'null:', wait=False), Exit.SLOT_INVALIDATED,
            *words)


def test_slot_waits_for_a_transaction(pg, relay):
    """SNP-5: who is in the way is said, and Ctrl-C leaves no half slot."""
    connection = pg.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('create table t (a int)')
        making = relay(*pg.args, '-S', pg.slot, '--create-slot')
        making.wait_for(f'waits for process {connection.info.backend_pid}')
        making.signal(signal.SIGINT)
        stopped(making, Exit.CONNECT, 'stopped by a signal')
    connection.close()
    rig.wait_until(lambda: pg.slot_info() is None, what='no slot')


# ---- what --check says of all this ----

def look(relay, database):
    process = relay.run(*database.args, '-S', database.slot, '--check', '-o',
                        'publication_names=pub', '--sink', 'null:')
    assert process.code == 0, process.output.decode() + process.stderr
    return process.output.decode()


def test_check_standbys(own_pg, relay, tmp_path):
    """ACK-13, and slots that a failover leaves behind."""
    own_pg.sql('create table t (a int primary key)')
    own_pg.publication(tables=['t'])
    own_pg.create_slot()
    text = look(relay, own_pg)
    assert 'synchron' not in text and 'failover' not in text, text
    process = relay.stream(own_pg, file_sink(tmp_path))
    for names, means in (('other, "pg fanout"', False),
                         ('ANY 1 (other, PG_Fanout)', True), ('*', True)):
        own_pg.set_to('synchronous_standby_names', names)
        assert ('means pg_fanout too' in look(relay, own_pg)) == means
    # commits wait for the sinks then, and do not wait for ever
    own_pg.sql('insert into t values (1)')
    assert values(tmp_path) == [1]
    own_pg.set_to('synchronous_standby_names', '')
    process.stop()
    own_pg.sql("select pg_create_physical_replication_slot('stand', true)")
    assert 'does not survive a failover' in look(relay, own_pg)
    own_pg.set_to('max_slot_wal_keep_size', '2GB')
    assert 'is lost after' not in look(relay, own_pg)
    if own_pg.version < 170000:
        return
    replication = own_pg.connect(replication='database')
    replication.cursor().execute(
        f'ALTER_REPLICATION_SLOT {own_pg.slot} (FAILOVER true)')
    replication.close()
    assert 'synchronized_standby_slots is empty' in look(relay, own_pg)
    own_pg.set_to('synchronized_standby_slots', 'stand')
    assert '"stand", which no standby uses' in look(relay, own_pg)


# ---- newer servers ----

def needs(version):
    return pytest.mark.skipif(rig.server_major() < version,
                              reason=f'came with PostgreSQL {version}')


@needs(17)
def test_failover_slot(pair, relay, tmp_path):
    """FOV-1: a promotion under writers, with a slot that is synchronized."""
    pair.copy()
    primary = pair.primary.admin
    primary.sql("alter system set synchronized_standby_slots = 'standby_slot'")
    pair.primary.reload()
    ledger = Ledger(pair.first, writers=4)
    made = relay.run('-d', pair.first.conninfo, '-S', pair.first.slot,
                     '--create-slot', '--enable-failover')
    assert made.code == 0, made.stderr
    assert pair.first.slot_info()['failover']
    process = start(relay, pair.conninfo, pair.first.slot, tmp_path)
    process.wait_streaming()
    ledger.start()

    def is_synchronized():
        # the slot moves on at records of which transactions run
        pair.first.sql('select pg_log_standby_snapshot()')
        found = pair.second.slot_info(pair.first.slot)
        return found and found['synced'] and not found['temporary']

    rig.wait_until(is_synchronized, timeout=180, interval=1,
                   what='a synchronized slot')
    # one that follows the primary's is not to be read
    early = relay.run('-d', pair.second.conninfo, '-S', pair.first.slot,
                      '--start', '-w', '--sink', 'null:')
    assert early.code == Exit.SLOT_UNUSABLE, early.stderr
    assert 'target_session_attrs' in early.stderr
    rig.wait_until(lambda: len(read_json(tmp_path / 'out')) > 500,
                   what='rows in the sink')
    pair.primary.stop('immediate')
    seen = len(process.lines)
    pair.standby.promote()
    ledger.pg = pair.second
    process.wait_for('from timeline 1 to 2', after=seen, timeout=60)
    process.wait_streaming(after=seen)
    before = len(read_json(tmp_path / 'out'))
    rig.wait_until(lambda: len(read_json(tmp_path / 'out')) > before + 500,
                   what='rows from the new primary')
    ledger.stop()
    pair.second.wait_confirmed()
    process.stop()
    ledger.compare(read_json(tmp_path / 'out'), 'file', exactly_once=True)


@needs(16)
def test_standby_decoding(pair, relay, tmp_path):
    """FOV-3: a slot on a standby, until recovery needs its rows."""
    pair.first.sql('create table t (a int primary key)')
    pair.first.publication(tables=['t'])
    pair.copy()
    making = relay('-d', pair.second.conninfo, '-S', 'stand', '--create-slot')
    making.wait_for('pg_log_standby_snapshot')
    pair.first.sql('select pg_log_standby_snapshot()')
    assert making.wait() == 0, making.stderr
    process = start(relay, pair.second.conninfo, 'stand', tmp_path)
    process.wait_streaming()
    pair.first.sql('insert into t values (1)')
    rig.wait_until(lambda: values(tmp_path) == [1], what='the row')
    # without feedback the primary vacuums what the slot needs
    pair.standby.admin.sql('alter system set hot_standby_feedback = off')
    pair.standby.reload()
    rig.wait_until(lambda: pair.first.value(
        'select xmin is null and catalog_xmin is null from pg_replication_slots'
        " where slot_name = 'standby_slot'"), what='the end of feedback')
    pair.first.sql('create table gone (a int)')
    pair.first.sql('drop table gone')
    pair.first.sql('vacuum pg_class')
    pair.first.sql('vacuum pg_attribute')
    stopped(process, Exit.SLOT_INVALIDATED, 'hot_standby_feedback')
    assert operations(read_json(tmp_path / 'out')) == [('insert', 1)]


@needs(16)
def test_standby_promoted_under_the_stream(pair, relay, tmp_path):
    """Its timeline changes, and nobody says so: positions that were read from
    a standby belong to none in particular."""
    pair.first.sql('create table t (a int primary key)')
    pair.first.publication(tables=['t'])
    pair.copy()
    where = pair.second.conninfo
    making = relay('-d', where, '-S', 'stand', '--create-slot')
    making.wait_for('pg_log_standby_snapshot')
    pair.first.sql('select pg_log_standby_snapshot()')
    assert making.wait() == 0, making.stderr
    process = start(relay, where, 'stand', tmp_path).wait_streaming()
    pair.first.sql('insert into t values (1)')
    rig.wait_until(lambda: values(tmp_path) == [1], what='the row')
    rig.wait_until(lambda: checkpoint(tmp_path)['timeline'] == 0,
                   what='a checkpoint')
    pair.caught_up()
    pair.primary.stop('fast')
    pair.standby.promote()
    pair.second.sql('insert into t values (2)')
    pair.second.wait_confirmed(slot='stand')
    process.stop()
    process = start(relay, where, 'stand', tmp_path).wait_streaming()
    pair.second.sql('insert into t values (3)')
    pair.second.wait_confirmed(slot='stand')
    assert checkpoint(tmp_path)['timeline'] == 2
    process.stop()
    assert values(tmp_path) == [1, 2, 3]


@needs(18)
def test_idle_timeout(own_pg, relay):
    """INV-2"""
    own_pg.sql('create table t (a int primary key)')
    own_pg.publication(tables=['t'])
    own_pg.create_slot()
    own_pg.set_to('idle_replication_slot_timeout', '1s')

    def is_lost():
        own_pg.sql('checkpoint')
        return own_pg.slot_info()['invalidation_reason']

    rig.wait_until(is_lost, interval=1, what='an invalidated slot')
    stopped(relay.stream(own_pg, 'null:', wait=False), Exit.SLOT_INVALIDATED,
            'idle_replication_slot_timeout')
