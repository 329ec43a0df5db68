"""test_resnapshot.py: tables that are read again while the stream goes on.

A request is a logical message; the rows come as records between the changes.
In most tests the sink has never seen the rows before, so that one that is not
read is missed.
"""
import collections
import json
import re
import threading
import time

import pytest

import rig
from manifest import read_manifest
from records import parse_lines, position, positions, read_json
from resnapshot_rig import (BEGUN, BOTH, DONE, LATEST, Story, ask,
                            ask_and_wait, begun, check, count_reads, emit,
                            finish, lake_sink, lines_with, nothing_again,
                            plugin, proxy, reads, slow, start,  # noqa: F401
                            usable)
from snapshot_rig import (SHAPES, State, Writers, args, fill, halves,
                          no_nulls, rows_of, sink, version, write_again)


# ---- all is well ----

def test_rows_and_changes(pg, relay, plugin, tmp_path):
    """The rows of one table, once, at places behind the request; the other
    table is left alone."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=3000)
    pg.create_slot(plugin=plugin)
    pg.sql("update t0 set v = '1.1' where id = 7; delete from t0 where id = 8")
    process = start(pg, relay, sink(out), plugin=plugin)
    place = ask_and_wait(pg, process, 'public.t0')
    assert 'public.t0' in lines_with(process, BEGUN)[0]
    assert re.search('read again: 2999 rows of 1 table', process.stderr)
    pg.sql("update t0 set v = '1.2' where id = 7; delete from t0 where id = 9")
    end = pg.wait_confirmed()
    process.stop()
    records = read_json(out)
    story = check(pg, records, ('t0',))
    assert sum(story.reads.values()) == 2999
    assert {r['table'] for r in records} == {'t0'}
    for record in reads(records):
        assert place <= position(record)[0] <= end
        assert record['before'] is None and record['commit_time']
    assert [r['op'] for r in records if r['key'] == {'id': 7}] == [
        'update', 'read', 'update']
    nothing_again(pg, relay, sink(out), plugin=plugin)
    assert len(reads(read_json(out))) == 2999


def test_sixteen_writers(pg, relay, slow, plugin, tmp_path):
    """Three readings of tables that sixteen writers change."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    fill(pg)
    pg.create_slot(plugin=plugin)
    writers = Writers(pg).start()
    near = slow(1500)
    process = start(near, relay, sink(out), lake_sink(lake), plugin=plugin,
                    env=near.env)
    for _ in range(3):
        ask_and_wait(pg, process, *BOTH)
    near.link.heal()
    writers.stop()
    finish(pg, process)
    records = read_json(out)
    story = check(pg, records, readings=3)
    assert sum(story.reads.values()) > 3 * 8000
    check(pg, read_manifest(lake), readings=3)
    # changes came while it was read
    first, last = (records.index(reads(records)[at]) for at in (0, -1))
    assert {r['op'] for r in records[first:last]} > {'insert', 'update'}


def test_changes_go_on(pg, relay, slow, tmp_path):
    """A change made while a table is read is there before the last row."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=20000)
    pg.create_slot()
    near = slow(100)
    process = start(near, relay, sink(out), env=near.env)
    ask(pg, *BOTH)
    begun(process, out)
    pg.sql("insert into t0 values (-1, '1.1')")
    rig.wait_until(lambda: b'{"id":-1}' in out.read_bytes(), LATEST,
                   what='the change')
    assert not lines_with(process, DONE)
    near.link.heal()
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    check(pg, read_json(out))


def test_debezium(pg, relay, plugin, tmp_path):
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=500)
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, sink(out, format='debezium-json',
                                    schemas_enable='off'), plugin=plugin)
    pg.sql("insert into t0 values (-1, '1.1')")
    ask_and_wait(pg, process, *BOTH)
    pg.sql("update t0 set v = '1.2' where id = -1")
    finish(pg, process)
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert collections.Counter(e['op'] for e in events) == {
        'r': 1001, 'c': 1, 'u': 1}
    for event in events:
        assert event['source']['snapshot'] == (
            'incremental' if event['op'] == 'r' else 'false')
        assert event['op'] != 'r' or event['before'] is None
    rows = {e['after']['id']: e['after']['v'] for e in events
            if e['source']['table'] == 't0'}
    assert rows == dict(pg.rows('select id, v from t0'))


def test_all_types(pg, relay, tmp_path):
    """A row that is read and the same row inserted are the same."""
    out = tmp_path / 'out.jsonl'
    rig.psql(pg, rig.TOP / 'regress/equality/sql/types.sql')
    pg.sql('create publication pub for all tables')
    pg.create_slot()
    tables = [name for name, in pg.rows(
        "select n.nspname || '.' || c.relname from pg_class c join "
        'pg_namespace n on n.oid = relnamespace where exists (select from '
        "pg_constraint where conrelid = c.oid and contype = 'p') and "
        "nspname = 'public' and relkind = 'r' and not relispartition "
        "and relpersistence = 'p' and relname ~ '^[a-z0-9_]+$'")]
    assert len(tables) > 5
    process = start(pg, relay, sink(out))
    ask_and_wait(pg, process, *tables)
    write_again(pg)
    finish(pg, process)
    names = {name.split('.')[1] for name in tables}
    read, inserted = halves(
        [(r['op'], r['table'], r['key'], r['after'])
         for r in read_json(out) if r['table'] in names],
        lambda r: r[0], 'read', 'insert')
    assert read and [
        r.replace("('read'", "('insert'", 1) for r in read] == inserted


def test_in_a_transaction(pg, relay, plugin, tmp_path):
    """A request among changes of the same transaction: all of them count."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=2000)
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, sink(out), plugin=plugin)
    pg.transaction(
        "update t0 set v = '1.1' where id < 10",
        "select pg_logical_emit_message(true, 'pg_fanout.resnapshot', "
        """'{"tables": ["public.t0"]}')""",
        "update t0 set v = '1.2' where id between 5 and 15",
        'delete from t0 where id = 3',
        "insert into t0 values (-1, '1.3')")
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    story = check(pg, read_json(out), ('t0',))
    assert sum(story.reads.values()) == 2000


def test_rolled_back(pg, relay, plugin, tmp_path):
    """A request that was never made, in whole or to a savepoint."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=50)
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, sink(out), plugin=plugin)
    message = ("select pg_logical_emit_message(true, 'pg_fanout.resnapshot', "
               """'{"tables": ["public.t0"]}')""")
    connection = pg.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute("insert into t0 values (-1, '1.1')")
        cursor.execute(message)
        connection.rollback()
        cursor.execute("insert into t0 values (-2, '1.1')")
        cursor.execute('savepoint a')
        cursor.execute(message)
        cursor.execute('rollback to a')
        connection.commit()
    connection.close()
    finish(pg, process)
    assert not lines_with(process, BEGUN)
    assert [r['key'] for r in read_json(out)] == [{'id': -2}]


def test_other_messages(pg, relay, plugin, tmp_path):
    """With messages=on everybody's messages are records, but these two."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=50)
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, sink(out), plugin=plugin,
                    options=['-o', 'messages=on'])
    emit(pg, 'mine', prefix='other')
    ask_and_wait(pg, process, 'public.t0')
    emit(pg, 'yours', prefix='pg_fanout_other')
    finish(pg, process)
    records = read_json(out)
    assert [r['prefix'] for r in records if r['op'] == 'message'] == [
        'other', 'pg_fanout_other']
    assert len(reads(records)) == 50


# ---- which tables, sinks and relays ----

def test_patterns(pg, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    fill(pg, tables=3, rows=20)
    pg.sql('create schema s; create table s.t0 (id int primary key); '
           'insert into s.t0 values (1); create schema s2; '
           'create table s2.u (id int primary key); '
           'insert into s2.u values (1)')
    pg.create_slot()
    process = start(pg, relay, sink(out))
    done = 0
    for patterns, expected in (
            (['public.t1'], {'public.t1': 20}),
            (['public.t*'], {f'public.t{n}': 20 for n in range(3)}),
            (['*.t0'], {'public.t0': 20, 's.t0': 1}),
            (['s*.*'], {'s.t0': 1, 's2.u': 1}),
            (['public.t0', 's2.u', 'public.t*'],
             {**{f'public.t{n}': 20 for n in range(3)}, 's2.u': 1}),
            (['*.*'], {**{f'public.t{n}': 20 for n in range(3)},
                       'public.parted': 20, 's.t0': 1, 's2.u': 1})):
        ask_and_wait(pg, process, *patterns)
        pg.wait_confirmed()
        rig.wait_until(lambda: count_reads(out) >= done + sum(
            expected.values()), what=f'rows of {patterns}')
        found = reads(read_json(out))[done:]
        assert collections.Counter(
            f'{r["schema"]}.{r["table"]}' for r in found) == expected, patterns
        done += len(found)
    process.stop()


@pytest.mark.parametrize('spooled', (False, True))
def test_one_sink(pg, relay, plugin, spooled, tmp_path):
    one, two, lake = (tmp_path / name for name in
                      ('one.jsonl', 'two.jsonl', 'lake'))
    fill(pg, rows=5000)
    pg.create_slot(plugin=plugin)
    writers = Writers(pg, 4).start()
    sinks = ['one=' + sink(one), 'two=' + sink(two), lake_sink(lake)]
    how = dict(plugin=plugin, options=rig.spool(tmp_path / 'spool')
               if spooled else [])

    def finish_with(key):
        """The slot does not tell that the sinks have what is in the spool."""
        pg.sql('insert into t0 values (%s, %s)', (key, '1.1'))
        for read in (lambda: read_json(one), lambda: read_json(two),
                     lambda: manifest_so_far(lake)):
            rig.wait_until(lambda: any(r['key'] == {'id': key} for r in
                                       read()), LATEST, 0.2, f'row {key}')
        finish(pg, process)

    process = start(pg, relay, *sinks, **how)
    ask_and_wait(pg, process, *BOTH, sink='two')
    writers.stop()
    finish_with(-1)
    records = read_json(two)
    check(pg, records)
    # the others have the changes, and each at the same place
    changes = without_seq(r for r in records if r['op'] != 'read')
    assert without_seq(read_json(one)) == changes
    assert without_seq(read_manifest(lake)) == changes
    process = start(pg, relay, *sinks, **how)
    ask_and_wait(pg, process, *BOTH, sink='one')
    ask_and_wait(pg, process, *BOTH, sink='dir')
    finish_with(-2)
    check(pg, read_json(one))
    check(pg, read_manifest(lake))
    assert read_json(two)[:-1] == records


def manifest_so_far(lake):
    """The chain may be growing."""
    try:
        return read_manifest(lake)
    except AssertionError:
        return []


def without_seq(records):
    return [{**record, 'seq': None} for record in records]


def test_two_relays(pg, relay, tmp_path):
    """A request that names a slot is not the other's; one that names none is
    everybody's, and nobody sees the other's marks."""
    slots, outs, processes = [pg.slot, f'{pg.slot}2'], [], []
    fill(pg, rows=5000)
    for slot in slots:
        pg.create_slot(slot)
        outs.append(tmp_path / f'{slot}.jsonl')
        processes.append(relay(*args(pg, mode='never'), '-S', slot, '--sink',
                               sink(outs[-1])).wait_streaming())
    writers = Writers(pg, 4).start()
    ask_and_wait(pg, processes[1], *BOTH, slot=slots[1])
    pg.wait_confirmed(timeout=LATEST)
    assert not lines_with(processes[0], BEGUN)
    assert count_reads(outs[0]) == 0
    ask(pg, *BOTH)
    for process, readings in zip(processes, (1, 2)):
        rig.wait_until(lambda: len(lines_with(process, DONE)) >= readings,
                       LATEST, what='rows of both')
    writers.stop()
    for slot, out, process, readings in zip(slots, outs, processes, (1, 2)):
        pg.wait_confirmed(slot=slot, timeout=LATEST)
        process.stop()
        check(pg, read_json(out), readings=readings)


def test_in_a_row_and_at_once(pg, relay, plugin, tmp_path):
    """Each of several requests is met; what is asked for while the same is
    being read may be one of both or both."""
    out = tmp_path / 'out.jsonl'
    fill(pg, tables=2, rows=4000)
    pg.create_slot(plugin=plugin)
    writers = Writers(pg, 4).start()
    process = start(pg, relay, sink(out), plugin=plugin)
    ask_and_wait(pg, process, 'public.t1')
    ask_and_wait(pg, process, 'public.t1')
    rig.wait_until(lambda: count_reads(out) == 8000, what='both')
    asking = ("select pg_logical_emit_message(true, 'pg_fanout.resnapshot', "
              """'{"tables": ["public.%s"]}')""")
    pg.transaction(asking % 't0', asking % 'parted')
    ask(pg, 'public.t1')
    ask(pg, 'public.t1')
    rig.wait_until(lambda: {'public.t0', 'public.parted', 'public.t1'} <= {
        f'{r["schema"]}.{r["table"]}' for r in reads(whole_lines(out))[8000:]},
        LATEST, what='rows of all tables')
    rig.wait_until(lambda: idle(process, out), LATEST, what='all of them')
    writers.stop()
    finish(pg, process)
    story = check(pg, read_json(out), ('t0', 't1', 'parted'), readings=4)
    counts = collections.Counter(
        (name, n) for (name, _), n in story.reads.items())
    assert {n for name, n in counts if name != 'public.t1'} == {1}
    assert {n for name, n in counts if name == 'public.t1'} <= {3, 4}
    nothing_again(pg, relay, sink(out), plugin=plugin)


def whole_lines(path):
    data = path.read_bytes()
    return parse_lines(data[:data.rfind(b'\n') + 1], path)


def idle(process, path):
    """Whether what was begun is done, and nothing has been read since."""
    def seen():
        return count_reads(path), lines_with(process, f'{BEGUN}|{DONE}')
    before = seen()
    time.sleep(1)
    return re.search(DONE, before[1][-1]) and seen() == before


# ---- rows that change meanwhile ----

def test_deleted_and_moved(pg, relay, slow, plugin, tmp_path):
    """Rows that are deleted, moved or changed while they are read do not come
    back; that some are made again counts."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=20000)
    pg.create_slot(plugin=plugin)
    near = slow(200)
    process = start(near, relay, sink(out), plugin=plugin, env=near.env)
    ask(pg, *BOTH)
    begun(process, out)
    for table in ('t0', 'parted'):
        pg.sql(f'delete from {table} where id % 3 = 0')
        pg.sql(f"update {table} set id = id + 100000, v = '1.2' "
               'where id % 5 = 0')
        pg.sql(f"update {table} set v = '1.3' where id % 7 = 0")
        pg.sql(f"insert into {table} select g, '1.4' from "
               'generate_series(0, 19999, 6) g')
    assert not lines_with(process, DONE), 'it was too fast'
    near.link.heal()
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    story = check(pg, read_json(out))
    assert sum(story.reads.values()) < 40000


def test_truncated(pg, relay, slow, plugin, tmp_path):
    """Nothing of a table that was truncated comes back."""
    out = tmp_path / 'out.jsonl'
    fill(pg, tables=2, rows=10000)
    pg.create_slot(plugin=plugin)
    near = slow(200)
    process = start(near, relay, sink(out), plugin=plugin, env=near.env)
    ask(pg, *BOTH, 'public.t1')
    begun(process, out)
    # it may have to wait for whoever reads
    cutting = [threading.Thread(target=pg.transaction, daemon=True, args=(
        f'truncate {name}', f"insert into {name} values (1, '1.1'), "
        "(-1, '1.1')")) for name in ('t0', 't1', 'parted')]
    for thread in cutting:
        thread.start()
    near.link.heal()
    process.wait_for(DONE, LATEST)
    for thread in cutting:
        thread.join(LATEST)
        assert not thread.is_alive(), 'TRUNCATE waits for ever'
    finish(pg, process)
    check(pg, read_json(out), ('t0', 't1', 'parted'))


@pytest.mark.parametrize('memory, keys, readings', (
    ('64kB', 4000, 2), ('64kB', 20000, 20), (None, 20000, 2)))
def test_memory(pg, relay, slow, memory, keys, readings, tmp_path):
    """More keys change than it may remember: it reads the rest first. With
    many more it begins anew."""
    out, lake = tmp_path / 'out.jsonl', tmp_path / 'lake'
    fill(pg, tables=2, rows=20000)
    pg.create_slot()
    near = slow(200)
    process = start(near, relay, sink(out), lake_sink(lake), env=near.env,
                    options=[f'--resnapshot-memory={memory}'] if memory else [])
    writers = Writers(pg, 4, pause=0.05).start()
    ask(pg, *BOTH, 'public.t1')
    begun(process, out)
    for number in range(1, 9):
        pg.sql(f"update t1 set v = '99.{number}' where id %% 8 >= %s "
               'and id < %s', (number - 1, keys))
    assert not lines_with(process, DONE), 'it was too fast'
    near.link.heal()
    process.wait_for(DONE, LATEST)
    # and once more, without a slow link
    seen = len(process.lines)
    ask(pg, *BOTH, 'public.t1')
    for number in range(9, 13):
        pg.sql(f"update t1 set v = '99.{number}' where id < %s", (keys,))
    process.wait_for(DONE, LATEST, after=seen)
    assert not memory or lines_with(process, 'the stream waits until' if
                                    keys < 10000 else 'kept in mind')
    writers.stop()
    finish(pg, process)
    names = ('t0', 't1', 'parted')
    check(pg, read_json(out), names, readings=readings)
    check(pg, read_manifest(lake), names, readings=readings)


# ---- what is published ----

@pytest.mark.parametrize('plugin, via_root', (
    ('pg_fanout', True), ('pgoutput', True), ('pg_fanout', False)))
def test_as_published(pg, relay, plugin, via_root, tmp_path):
    """Row filters, column lists, partitions, generated and masked columns: as
    in the stream."""
    usable(pg, plugin)
    if pg.version < 150000:
        pytest.skip('no column lists')
    out = tmp_path / 'out.jsonl'
    pg.sql(SHAPES)
    pg.sql('create publication pub for table root, made, listed (id, a), '
           'filtered where (id > 10) with '
           f'(publish_via_partition_root = {via_root})')
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, sink(out), plugin=plugin, options=[
        '--mask=*.root.note=truncate:1', '--column-exclude=*.made.v'])
    parts = ['root'] if via_root else ['eu', 'us']
    ask_and_wait(pg, process, *(f'public.{name}' for name in [
        *parts, 'made', 'listed', 'filtered']))
    write_again(pg)
    pg.sql('create temp table again as select * from root; delete from root; '
           'insert into root select * from again')
    finish(pg, process)
    records = read_json(out)
    read, inserted = halves(
        [(r['op'], r['table'], r['key'], r['after']) for r in records],
        lambda r: r[0], 'read', 'insert')
    assert [r.replace("('read'", "('insert'", 1) for r in read] == inserted
    assert len(read) == 50 + 10 + 10 + 10
    assert {r['table'] for r in reads(records)} == {
        'made', 'listed', 'filtered', *parts}
    assert not [r for r in records if 'secret' in (r['after'] or {})]


def test_filtered_while_read(pg, relay, slow, plugin, tmp_path):
    """Rows that leave what a row filter lets through, and rows that enter."""
    if pg.version < 150000:
        pytest.skip('no row filters')
    out = tmp_path / 'out.jsonl'
    pg.sql('create table t (id int, v text, live bool, '
           'primary key (id, live)); '
           "insert into t select g, 'v' || g, g % 2 = 0 from "
           'generate_series(1, 20000) g; '
           'create publication pub for table t where (live)')
    pg.create_slot(plugin=plugin)
    near = slow(150)
    process = start(near, relay, sink(out), plugin=plugin, env=near.env)
    ask(pg, 'public.t')
    begun(process, out)
    pg.sql("update t set live = not live, v = '1.1' where id % 3 = 0")
    pg.sql("update t set live = not live, v = '1.2' where id % 15 = 0")
    pg.sql('delete from t where id % 7 = 0')
    assert not lines_with(process, DONE), 'it was too fast'
    near.link.heal()
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    records = read_json(out)
    state = Story(records)
    assert state.holds('public.t') == rows_of(
        pg, 'select * from t where live', 'id', 'live')


@pytest.mark.parametrize('via_root', (True, False))
def test_partitioned(pg, relay, slow, plugin, via_root, tmp_path):
    """Rows that move to another partition while these are read."""
    out = tmp_path / 'out.jsonl'
    pg.sql('create table p (id int, region int, v text, '
           'primary key (id, region)) partition by list (region); '
           'create table p0 partition of p for values in (0); '
           'create table p1 partition of p for values in (1); '
           "insert into p select g, g % 2, 'v' || g from "
           'generate_series(1, 16000) g; create publication pub for table p '
           f'with (publish_via_partition_root = {via_root})')
    pg.create_slot(plugin=plugin)
    near = slow(150)
    process = start(near, relay, sink(out), plugin=plugin, env=near.env)
    ask(pg, *(['public.p'] if via_root else ['public.p0', 'public.p1']))
    begun(process, out)
    pg.sql("update p set region = 1 - region, v = '1.1' where id % 3 = 0")
    pg.sql("update p set region = 1 - region, v = '1.2' where id % 6 = 0")
    pg.sql("update p set v = '1.3' where id % 5 = 0")
    near.link.heal()
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    story = check(pg, read_json(out), ())
    for name in ('p',) if via_root else ('p0', 'p1'):
        assert story.holds(f'public.{name}') == rows_of(
            pg, f'select * from {name}', 'id', 'region')


def test_masked(pg, relay, plugin, tmp_path):
    """A masked value is in no record, however its row comes."""
    out, pb = tmp_path / 'out.jsonl', tmp_path / 'pb'
    pg.sql("create table m (id int primary key, name text, gone text); "
           "insert into m select g, 'n-secret-' || g, 'g-secret' from "
           'generate_series(1, 3000) g; create publication pub for table m')
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, 'j=' + sink(out),
                    'p=' + sink(pb, format='protobuf'), plugin=plugin,
                    options=['--mask=public.m.name=truncate:1',
                             '--column-exclude=public.m.gone'])
    ask(pg, 'public.m')
    pg.sql("update m set gone = 'h-secret' where id % 10 = 0")
    process.wait_for(DONE, LATEST)
    finish(pg, process)
    assert b'secret' not in out.read_bytes()
    assert b'secret' not in pb.read_bytes()
    state = State(read_json(out), exact=False)
    assert state.tables['public.m'] == {
        (n,): {'id': n, 'name': 'n'} for n in range(1, 3001)}


def test_keys(pg, relay, plugin, tmp_path):
    """Keys that are not one integer: of several columns, of text, an index,
    and with whole rows as identity."""
    out = tmp_path / 'out.jsonl'
    pg.sql('''
        create table two (b text, a int, v text, primary key (a, b));
        insert into two select 'b' || g % 7, g, 'v' from generate_series(1, 900) g;
        create table words (id text primary key, v text);
        insert into words select E'w\\\\ "\\t\\'' || g, 'v'
            from generate_series(1, 900) g;
        create table indexed (v text, id uuid not null);
        create unique index on indexed (id);
        alter table indexed replica identity using index indexed_id_idx;
        insert into indexed select 'v', md5(g::text)::uuid
            from generate_series(1, 900) g;
        create table whole (id numeric primary key, v text);
        alter table whole replica identity full;
        insert into whole select g + 0.50, 'v' from generate_series(1, 900) g;
        create publication pub for all tables
    ''')
    pg.create_slot(plugin=plugin)
    process = start(pg, relay, sink(out), plugin=plugin)
    names = ('two', 'words', 'indexed', 'whole')
    for number in (1, 2):
        seen = len(process.lines)
        ask(pg, *(f'public.{name}' for name in names))
        pg.sql(f"update two set v = '1.{number}', a = -a where a % 3 = 0; "
               f"update words set v = '1.{number}', id = id || 'x' "
               "where id like '%3'; delete from indexed where id in "
               '(select id from indexed order by id limit 30); '
               f"update indexed set v = '1.{number}' where id::text like '5%'; "
               f"update whole set v = '1.{number}', id = id + 5000 "
               'where id::int % 4 = 1; delete from whole where id < 20')
        process.wait_for(DONE, LATEST, after=seen)
    finish(pg, process)
    records = read_json(out)
    assert positions(records) == sorted(set(positions(records)))
    state = State(records, exact=False)
    for name in names:
        key = next(r['key'] for r in records if r['table'] == name)
        # numbers of any precision are text in records
        what = 'id::text, v' if name == 'whole' else '*'
        assert no_nulls(state.tables[f'public.{name}']) == rows_of(
            pg, f'select {what} from {name}', *key), name


# ---- other columns ----

def test_altered(pg, relay, slow, plugin, tmp_path):
    """Columns that come and go before, while and after a table is read."""
    out = tmp_path / 'out.jsonl'
    fill(pg, rows=8000)
    pg.create_slot(plugin=plugin)
    near = slow(150)
    process = start(near, relay, sink(out), plugin=plugin, env=near.env)

    def altered_while_read(*statements):
        seen = len(process.lines)
        near.link.bandwidth = 150000
        ask(pg, *BOTH)
        process.wait_for(BEGUN, LATEST, after=seen)
        thread = threading.Thread(target=pg.transaction, args=statements,
                                  daemon=True)
        thread.start()
        near.link.heal()
        process.wait_for(DONE, LATEST, after=seen)
        thread.join(LATEST)
        assert not thread.is_alive(), 'ALTER TABLE waits for ever'

    def read_and_compared():
        seen = len(process.lines)
        ask(pg, *BOTH)
        process.wait_for(DONE, LATEST, after=seen)
        pg.wait_confirmed(timeout=LATEST)
        rig.wait_until(lambda: state_is(pg, out), LATEST,
                       what='the state of the source')

    near.link.heal()
    pg.sql('alter table t0 add column w int default 7; '
           'alter table parted add column w int')
    pg.sql('update t0 set w = 8 where id < 5')
    read_and_compared()
    altered_while_read('alter table t0 add column x int default 1',
                       'update t0 set x = 2 where id < 100')
    read_and_compared()
    altered_while_read('alter table t0 drop column w',
                       'alter table parted add column x text',
                       "update parted set x = 'y' where id < 100")
    read_and_compared()
    process.stop()
    last = State(read_json(out), exact=False).tables['public.t0']
    assert all('x' in row and 'w' not in row for row in last.values())


def state_is(pg, out):
    state = State(whole_lines(out), exact=False)
    return all(no_nulls(state.tables[f'public.{name}']) ==
               rows_of(pg, f'select * from {name}', 'id')
               for name in ('t0', 'parted'))
