"""test_debezium.py: the debezium-json format where a replay of recorded
scenarios (regress/golden) does not look: restarts, masks, tables that are gone.
"""
import json
import time

import rig


def read_values(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def sink(path, **options):
    options = {'format': 'debezium-json', 'sync_interval': '100ms',
               'checkpoint_interval': '100ms', 'prefix': 'pre', **options}
    return f'file:{path}?' + '&'.join(f'{k}={v}' for k, v in options.items())


def test_transactions_survive_kills(pg, relay, tmp_path):
    """Every transaction stands whole between its BEGIN and END, once."""
    out = tmp_path / 'out.jsonl'
    url = sink(out, schemas_enable='off', provide_transaction_metadata='on')
    pg.sql('create table a (id int primary key, v text)')
    pg.sql('create table b (id int primary key)')
    pg.publication(tables=['a', 'b'])
    pg.create_slot()
    for kill in range(6):
        process = relay.stream(pg, url, binary=rig.PLAIN_BIN)
        for i in range(kill * 40, kill * 40 + 40):
            pg.transaction(
                f"insert into a values ({i}, 'x')",
                f'insert into b values ({i})',
                f'update a set id = -{i} - 1 where id = {i}')
            if i % 40 == 20:
                time.sleep(0.15)
        process.kill()
        rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
    process = relay.stream(pg, url, binary=rig.PLAIN_BIN)
    pg.wait_confirmed()
    process.stop()

    seen, events = [], None
    for value in read_values(out):
        if value.get('status') == 'BEGIN':
            assert events is None
            xid, events = value['id'].split(':')[0], []
        elif value.get('status') == 'END':
            assert value['id'].split(':')[0] == xid
            assert value['event_count'] == len(events) == 4
            assert value['data_collections'] == [
                {'data_collection': 'public.a', 'event_count': 3},
                {'data_collection': 'public.b', 'event_count': 1}]
            assert [e['op'] for e in events] == ['c', 'c', 'd', 'c']
            seen.append(events[0]['after']['id'])
            events = None
        else:
            events.append(value)
            block = value['transaction']
            assert block['id'].split(':')[0] == xid
            assert block['total_order'] == len(events)
    assert events is None
    assert seen == list(range(240))


def test_masked_columns(pg, relay, tmp_path):
    """A masked column is text, and nothing of its own shows in schemas."""
    out = tmp_path / 'out.jsonl'
    pg.sql("create table t (id int primary key, age int default 42, "
           "price numeric(8,2) default 9.99, plain int default 7)")
    pg.publication(tables=['t'])
    pg.create_slot()
    process = relay.stream(pg, sink(out), options=[
        '--mask=public.t.age=fixed:none', '--mask=public.t.price=truncate:1'])
    pg.sql('insert into t values (1, 50, 12.34, null)')
    pg.sql('insert into t values (2, null, null, 5)')
    pg.wait_confirmed()
    process.stop()
    first, second = read_values(out)
    assert first['payload']['after'] == {
        'id': 1, 'age': 'none', 'price': '1', 'plain': 7}
    assert second['payload']['after'] == {
        'id': 2, 'age': None, 'price': None, 'plain': 5}
    fields = {f['field']: f for f in first['schema']['fields'][1]['fields']}
    assert fields['age'] == {
        'type': 'string', 'optional': True, 'field': 'age'}
    assert fields['price'] == {
        'type': 'string', 'optional': True, 'field': 'price'}
    assert fields['plain']['default'] == 7


def test_table_that_is_gone(pg, relay, tmp_path):
    """What the catalog no longer knows is done without."""
    out = tmp_path / 'out.jsonl'
    pg.sql('create domain price as numeric(8,2)')
    pg.sql('create extension citext')
    pg.sql('create domain mail as citext')
    for table in 't', 'kept':
        pg.sql(f'create table {table} (id int primary key, '
               'v int default 5, p price, m mail)')
    pg.publication()
    pg.create_slot()
    pg.sql("insert into t values (1, null, 1.50, 'a@b')")
    pg.sql('drop table t')
    pg.sql("insert into kept values (1, null, 1.50, 'a@b')")
    process = relay.stream(pg, sink(out, schemas_enable='off'))
    pg.wait_confirmed()
    process.stop()
    gone, kept = read_values(out)
    assert gone['op'] == 'c'
    assert gone['after'] == {
        'id': 1, 'v': None, 'p': {'scale': 1, 'value': 'Dw=='}, 'm': 'a@b'}
    assert kept['after'] == {'id': 1, 'v': 5, 'p': 'AJY=', 'm': 'a@b'}


def test_options_as_debezium_spells_them(pg, relay, tmp_path):
    out = tmp_path / 'out.jsonl'
    config = tmp_path / 'relay.conf'
    config.write_text(f"""
[sink out]
url = file:{out}
format = debezium-json
prefix = pre
schemas.enable = off
decimal.handling.mode = string
time.precision.mode = isostring
sync_interval = 100ms
checkpoint_interval = 100ms
""")
    pg.sql('create table t (id numeric(8,2) primary key, at timestamp)')
    pg.publication(tables=['t'])
    pg.create_slot()
    process = relay.stream(pg, options=['--config', config])
    pg.sql("insert into t values (1.5, '2024-02-29 12:00:00.5')")
    pg.wait_confirmed()
    process.stop()
    (value,) = read_values(out)
    assert value['after'] == {'id': '1.50', 'at': '2024-02-29T12:00:00.5Z'}
