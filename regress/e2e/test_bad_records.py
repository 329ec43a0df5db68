"""test_bad_records.py: records that cannot go to their topic as they are.

Too large for the topic: by claim check or as a dead letter, in order with all
others, at least once and exactly once. What is behind a claim check is what
would have been the record's value, byte for byte.
"""
import hashlib
import json

import pytest
from confluent_kafka.admin import NewTopic

import rig

DELIVERIES = ['at-least-once', 'exactly-once']
BIG = 'x' * 60000


@pytest.fixture
def table(pg):
    pg.sql('create table t (id int primary key, body text)')
    pg.publication()
    pg.create_slot()
    return pg


def insert(pg, *rows):
    for number, body in rows:
        pg.sql('insert into t values (%s, %s)', (number, body))


def topic_of(pg, table='t'):
    return f'{pg.dbname}.public.{table}'


def url(kafka, **options):
    options = {'partitions': 1, 'message_max_bytes': '20kB', **options}
    return f'k={kafka.url}?' + '&'.join(
        f'{name}={value}' for name, value in options.items())


def letters(kafka, pg):
    return kafka.read(f'{pg.dbname}.dead-letter')


def at(address, tmp_path):
    """The content behind a claim check in a directory."""
    assert address.startswith(f'dir://{tmp_path}/')
    return open(address[len('dir://'):], 'rb').read()


def headers(record, name):
    found = record.headers
    return (found[name].decode(), int(found[f'{name}.size']),
            found[f'{name}.sha256'].decode())


# ---- claim checks ----

@pytest.mark.parametrize('delivery', DELIVERIES)
def test_claim_check(table, kafka, relay, tmp_path, delivery):
    insert(table, (1, 'a'), (2, BIG), (3, 'c'))
    process = relay.stream(table, url(
        kafka, delivery=delivery, oversize='claim-check',
        claim_check_url=f'dir://{tmp_path}/lake'),
        options=['--progress-interval=1'])
    table.sql("update t set body = body || 'y' where id = 2")
    table.sql("update t set id = 4 where id = 2; delete from t where id = 4")
    process.wait_for('k: .* 3 claim checks')
    table.wait_confirmed()
    process.stop()
    records = kafka.read(topic_of(table))
    assert [json.loads(r.key)['id'] for r in records] == [
        1, 2, 3, 2, 2, 4, 4, 4]
    claims = [r for r in records if 'pg_fanout.claim-check' in r.headers]
    assert [records.index(r) for r in claims] == [1, 3, 5]
    for record, body in zip(claims, [BIG, BIG + 'y', BIG + 'y']):
        place, size, digest = headers(record, 'pg_fanout.claim-check')
        value = at(place, tmp_path)
        assert (size, digest) == (len(value),
                                  hashlib.sha256(value).hexdigest())
        row = json.loads(value)
        assert row['after']['body'] == body
        assert record.headers['pg_fanout.lsn'].decode() == row['lsn']
        assert int(record.headers['pg_fanout.seq']) == row['seq']
        told = json.loads(record.value)
        assert told == {
            'pg_fanout': 'claim-check',
            'value': {'url': place, 'size': size, 'sha256': digest},
            'topic': topic_of(table), 'schema': 'public', 'table': 't',
            'lsn': row['lsn'], 'seq': row['seq']}
    assert [r.value is None for r in records] == [
        False, False, False, False, True, False, False, True]
    assert 'does not get a record as it is' in process.stderr


@pytest.mark.parametrize('delivery', DELIVERIES)
def test_claim_check_in_a_bucket(table, kafka, s3, s3_server, relay, delivery):
    """While the bucket is away the record waits, and so do those behind it."""
    insert(table, (1, 'a'))
    process = relay.stream(table, url(
        kafka, delivery=delivery, oversize='claim-check',
        transaction_timeout='10s', claim_check_url=f's3://{s3.bucket}/big',
        claim_check_endpoint=s3.endpoint), env=s3.env)
    table.wait_confirmed()
    s3_server.pause()
    try:
        insert(table, (2, BIG), (3, 'c'))
        rig.wait_until(lambda: table.walsender(), what='walsender')
        table.sql('select pg_sleep(1.5)')
        assert len(kafka.read(topic_of(table))) == 1
        assert process.running
    finally:
        s3_server.resume()
    table.wait_confirmed()
    process.stop()
    records = kafka.read(topic_of(table))
    assert [json.loads(r.key)['id'] for r in records] == [1, 2, 3]
    place, size, digest = headers(records[1], 'pg_fanout.claim-check')
    name = place.removeprefix(f's3://{s3.bucket}/')
    assert s3.keys('big/') == [name]
    value = s3.read(name)
    assert (len(value), hashlib.sha256(value).hexdigest()) == (size, digest)
    assert json.loads(value)['after'] == {'id': 2, 'body': BIG}


def test_topic_that_takes_less(table, kafka, relay, tmp_path):
    """The broker would refuse it: the topic's own limit counts too."""
    kafka.admin.create_topics([NewTopic(topic_of(table), 1, 1, config={
        'max.message.bytes': '5000'})])[topic_of(table)].result()
    insert(table, (1, 'a'), (2, 'x' * 10000), (3, 'c'))
    process = relay.stream(table, url(
        kafka, oversize='claim-check', message_max_bytes='1MB',
        compression='none', claim_check_url=f'dir://{tmp_path}/lake'))
    table.wait_confirmed()
    process.stop()
    records = kafka.read(topic_of(table))
    assert [json.loads(r.key)['id'] for r in records] == [1, 2, 3]
    place, *_ = headers(records[1], 'pg_fanout.claim-check')
    assert json.loads(at(place, tmp_path))['after']['id'] == 2


def test_key_too_large(pg, kafka, relay, tmp_path):
    """Without a primary key all columns are the key (SIZ-5)."""
    pg.sql('create table t (id int, body text); '
           'alter table t replica identity full')
    pg.publication()
    pg.create_slot()
    insert(pg, (1, 'a'), (2, BIG), (3, 'c'))
    pg.sql('delete from t where id = 2')
    process = relay.stream(pg, url(
        kafka, oversize='claim-check', claim_check_url=f'dir://{tmp_path}/x'))
    pg.wait_confirmed()
    process.stop()
    records = kafka.read(topic_of(pg))
    assert [r.key is None for r in records] == [
        False, True, False, True, True]
    for record, op in [(records[1], 'insert'), (records[3], 'delete')]:
        key, *_ = headers(record, 'pg_fanout.claim-check.key')
        assert json.loads(at(key, tmp_path)) == {'id': 2, 'body': BIG}
        value, *_ = headers(record, 'pg_fanout.claim-check')
        assert json.loads(at(value, tmp_path))['op'] == op
    # the tombstone, whose key is not with it
    assert 'pg_fanout.claim-check' not in records[4].headers
    assert 'pg_fanout.claim-check.key' in records[4].headers
    assert records[4].value is not None


# ---- dead letters ----

@pytest.mark.parametrize('delivery', DELIVERIES)
def test_dead_letter(table, kafka, relay, delivery):
    insert(table, (1, 'a'), (2, BIG), (3, 'c'))
    table.sql("update t set body = 'b' where id = 2")
    process = relay.stream(table, url(
        kafka, delivery=delivery, oversize='dead-letter'),
        options=['--progress-interval=1'])
    process.wait_for('k: .* 1 dead letters')
    table.wait_confirmed()
    process.stop()
    assert [json.loads(r.key)['id'] for r in kafka.read(topic_of(table))] == [
        1, 3, 2]
    [letter] = letters(kafka, table)
    assert json.loads(letter.key) == {'id': 2}
    told = json.loads(letter.value)
    assert told['pg_fanout'] == 'dead-letter' and told['size'] > len(BIG)
    assert (told['topic'], told['table']) == (topic_of(table), 't')
    assert 'is larger than 20480' in told['error']
    found = letter.headers
    assert found['pg_fanout.dead-letter.topic'].decode() == topic_of(table)
    assert found['pg_fanout.dead-letter.error'].decode() == told['error']
    assert found['pg_fanout.lsn'].decode() == told['lsn']
    assert BIG[:100] not in str(letter)


def test_stop_names_the_ways_out(table, kafka, relay):
    insert(table, (1, BIG))
    process = relay.stream(table, url(kafka), wait=False)
    assert process.wait() == rig.Exit.RECORD
    assert 'oversize=claim-check or oversize=dead-letter' in process.stderr


def test_usage(table, kafka, relay):
    for options, words in [
            ({'oversize': 'claim-check'}, 'needs claim_check_url'),
            ({'oversize': 'claim-check', 'claim_check_url': 'file:x'},
             'no place for objects'),
            ({'dead_letter_topic': '{what}'}, 'dead_letter_topic')]:
        process = relay.stream(table, url(kafka, **options), wait=False)
        assert process.wait() == rig.Exit.USAGE, process.stderr
        assert words in process.stderr
