"""test_bad_records.py: records that cannot go to their topic as they are.

Too large for the topic: by claim check or as a dead letter, in order with all
others, at least once and exactly once. What is behind a claim check is what
would have been the record's value, byte for byte.
"""
import hashlib
import json
import re

import pytest
from confluent_kafka.admin import NewTopic

import rig
from records import read_json

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


def test_claim_check_in_a_bucket(table, kafka, s3, s3_server, relay):
    """While the bucket is away the record waits, and so do those behind it."""
    insert(table, (1, 'a'))
    process = relay.stream(table, url(
        kafka, delivery='exactly-once', oversize='claim-check',
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


# ---- leaving one out ----

SKIP = re.compile(r'start once with (--skip=\S+) --skip-reason=TEXT')


def skip_option(process):
    found = SKIP.search(process.stderr)
    assert found, process.stderr
    assert f'record at {found[1].split("=")[1]}' in process.stderr
    return found[1]


def ids(kafka, pg):
    return [json.loads(r.key)['id'] for r in kafka.read(topic_of(pg))]


@pytest.mark.parametrize('delivery, refused_by', [
    ('at-least-once', 'broker'), ('exactly-once', 'us'),
    ('exactly-once', 'broker')])
def test_skip(table, kafka, relay, tmp_path, delivery, refused_by):
    """The command that the error names leaves out that record alone."""
    sinks = [url(
        kafka, delivery=delivery, dead_letter_topic='{db}.letters',
        **({} if refused_by == 'us' else {
            'message_max_bytes': '1MB', 'compression': 'none'})),
             'f=file:%s/out' % tmp_path]
    if refused_by == 'broker':
        kafka.admin.create_topics([NewTopic(topic_of(table), 1, 1, config={
            'max.message.bytes': '5000'})])[topic_of(table)].result()
    # neither the first of the partition, which goes alone, nor of its batch
    table.transaction("insert into t values (1, 'a')",
                      "insert into t values (2, 'b')",
                      f"insert into t values (5, '{BIG}')",
                      "insert into t values (3, 'c')")
    insert(table, (4, 'd'))
    process = relay.stream(table, *sinks, wait=False)
    assert process.wait() == rig.Exit.RECORD
    option = skip_option(process)
    assert option.endswith(':3')
    for _ in range(2):
        process = relay.stream(table, *sinks, options=[
            option, '--skip-reason=known bad'])
        table.wait_confirmed()
        process.stop()
        if _ == 0:
            assert re.search(r'SKIPPED: record at \S+ of public.t, hash of its '
                             r'key [0-9a-f]{16}, is not delivered: known bad',
                             process.stderr)
        else:
            assert 'left out by an earlier start' in process.stderr
    # at least once may have sent what stood before it again
    got = ids(kafka, table)
    assert sorted(set(got)) == [1, 2, 3, 4] and got[-2:] == [3, 4]
    assert delivery == 'at-least-once' or got == [1, 2, 3, 4]
    letter = kafka.read(f'{table.dbname}.letters')[-1]
    told = json.loads(letter.value)
    assert told['error'] == 'skipped: known bad' and told['seq'] == 3
    assert json.loads(letter.key) == {'id': 5}
    for later in False, True:
        if later:
            insert(table, (6, 'later'))
            process = relay.stream(table, *sinks)
            table.wait_confirmed()
            process.stop()
        process = relay.run(*table.args, '-S', table.slot, '--check', '-o',
                            'publication_names=pub', '--sink', sinks[0],
                            '--sink', sinks[1])
        # a file that has it already says nothing
        for name in ['k'] if refused_by == 'broker' else ['f', 'k']:
            assert re.search(rf'warn.*sink {name}: not delivered: '
                             rf'{option.split("=")[1]} .*"reason":"known bad"',
                             process.output.decode()), process.output.decode()


def test_skip_transaction(pg, relay, tmp_path):
    """All records of one, by the position that its records have."""
    pg.sql('create table t (id int primary key, body text)')
    pg.publication()
    pg.create_slot()
    insert(pg, (1, 'a'))
    pg.transaction("insert into t values (2, 'b')",
                   "select pg_logical_emit_message(true, 'p', 'm')",
                   "insert into t values (3, 'c')")
    insert(pg, (4, 'd'))
    end = ['--endpos', rig.lsn_text(pg.wal_position()), '-o', 'messages=on']
    pg.sql("select pg_copy_logical_replication_slot(%s, %s)",
           (pg.slot, f'{pg.slot}_copy'))
    relay.stream(pg, f'file:{tmp_path}/all', slot=f'{pg.slot}_copy',
                 wait=False, options=end).wait()
    place = read_json(tmp_path / 'all')[1]['lsn']
    process = relay.stream(pg, f'file:{tmp_path}/out', options=[
        *end[2:], '--progress-interval=1', f'--skip={place}',
        '--skip-reason=all of it'])
    process.wait_for(', 3 skipped')
    pg.wait_confirmed()
    process.stop()
    assert 'SKIPPED: 3 records' in process.stderr
    assert [r['after']['id'] for r in read_json(tmp_path / 'out')] == [1, 4]
    pg.drop_slot(f'{pg.slot}_copy')


def test_skip_refused(table, kafka, relay, tmp_path):
    """What is not there is not left out silently."""
    sink = f'file:{tmp_path}/out'
    insert(table, (1, 'a'))
    process = relay.stream(table, sink)
    table.wait_confirmed()
    process.stop()
    table.transaction("insert into t values (2, 'b')",
                      "insert into t values (3, 'c')")
    insert(table, (4, 'd'))
    first = read_json(tmp_path / 'out')[0]['lsn']

    def start(position, reason='x'):
        process = relay.stream(table, sink, wait=False, options=[
            f'--skip={position}', f'--skip-reason={reason}'])
        return process.wait(), process.stderr
    code, text = start(first)
    assert code == rig.Exit.SKIP and 'past that position' in text
    code, text = start(rig.lsn_text(rig.lsn(table.value(
        'select confirmed_flush_lsn from pg_replication_slots where slot_name '
        '= %s', (table.slot,)))))
    assert code == rig.Exit.SKIP and 'no transaction' in text, text
    assert len(read_json(tmp_path / 'out')) == 1
    for position in '', 'x', '0/1:0', '0/1:-1', '0/1:x':
        assert start(position)[0] == rig.Exit.USAGE
    assert start('0/1', '')[0] == rig.Exit.USAGE
    process = relay.stream(table, sink)
    table.wait_confirmed()
    process.stop()
    assert [r['after']['id'] for r in read_json(tmp_path / 'out')] == [
        1, 2, 3, 4]
