"""test_json_schema.py: what the json format writes is what its schema says."""
import copy
import json
import pathlib

import jsonschema
import pytest

from records import read_json

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[2] /
                     'relay/format_json.schema.json').read_text())


@pytest.fixture(scope='module')
def validator():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(params=['pg_fanout', 'pgoutput'])
def records(request, pg, relay, tmp_path):
    """Each kind of record there is, through either source."""
    out = tmp_path / 'out.jsonl'
    pg.sql('create table t (id int primary key, name text, big text, '
           'f float8, n numeric, a int[], j jsonb, d timestamptz)')
    pg.sql('alter table t alter big set storage external')
    pg.sql('create table whole (a int, b text)')
    pg.sql('alter table whole replica identity full')
    pg.sql('create table bare (a int)')
    pg.publication()
    pg.create_slot(plugin=request.param)
    process = relay.stream(
        pg, f'file:{out}?sync_interval=100ms',
        options=['-P', request.param, '-o', 'messages=on'])
    pg.sql("insert into t values (1, 'Ada', repeat('x', 9000), 'NaN', "
           "1.10, '{1,null}', '{\"k\": [1]}', '294276-12-31 00:00:00Z'), "
           "(2, null, null, 1e300, 'NaN', '{}', 'null', '-infinity')")
    pg.sql("update t set name = 'Eve' where id = 1")
    pg.sql('update t set id = 3 where id = 2')
    pg.sql('delete from t where id = 3')
    pg.sql("insert into whole values (1, 'x')")
    pg.sql("update whole set b = 'y'")
    pg.sql('delete from whole')
    pg.sql('insert into bare values (1)')
    pg.sql('truncate t, whole')
    pg.sql("select pg_logical_emit_message(true, 'p', 'text')")
    pg.sql("select pg_logical_emit_message(true, '', '\\xff00'::bytea)")
    pg.sql("select pg_logical_emit_message(false, 'p', '')")
    pg.sql("insert into t values (9)")
    pg.wait_confirmed()
    process.stop()
    return read_json(out)


def test_records_are_valid(records, validator):
    kinds = {record['op'] for record in records}
    assert kinds == {'insert', 'update', 'delete', 'truncate', 'message'}
    assert any('unchanged' in record for record in records)
    assert any('content_base64' in record for record in records)
    for record in records:
        validator.validate(record)


@pytest.mark.parametrize('damage', [
    {'op': 'upsert'}, {'after': None}, {'before': {}}, {'lsn': '0/16b'},
    {'seq': 0}, {'xid': None}, {'commit_time': '2024-01-01'}, {'more': 1},
    {'unchanged': []}, {'origin': ''}, {'key': 'id'}])
def test_schema_is_no_formality(validator, damage):
    good = {'op': 'insert', 'db': 'b', 'schema': 's', 'table': 't',
            'lsn': '0/16B3748', 'seq': 1, 'xid': 7,
            'commit_time': '2024-01-01T00:00:00.5Z', 'key': None,
            'before': None, 'after': {}}
    validator.validate(good)
    bad = copy.deepcopy(good) | damage
    assert not validator.is_valid(bad)
    for name in good:
        assert not validator.is_valid(
            {key: value for key, value in good.items() if key != name})
