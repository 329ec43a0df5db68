"""test_kafka.py: the Kafka sink against a real broker.

What arrives is read back by an own consumer; where a record belongs is told by
an own murmur2, written after the Java client's.
"""
import json
import re
import time
from pathlib import Path
from urllib.parse import quote

import confluent_kafka
import pytest
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType,
    ConfigResource, NewTopic, ResourcePatternType, ResourceType)

import rig
from records import Ledger

TOPIC = 'burst_bank.customer'


def murmur2(data):
    """org.apache.kafka.common.utils.Utils.murmur2, made positive."""
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    for i in range(0, len(data) // 4 * 4, 4):
        k = int.from_bytes(data[i:i + 4], 'little') * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    rest = data[len(data) // 4 * 4:]
    if rest:
        h = (h ^ int.from_bytes(rest, 'little')) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return (h ^ (h >> 15)) & 0x7FFFFFFF


def sink(url, **options):
    """name=url?option=value&..., a blank name for the default one."""
    query = '&'.join(f'{name.replace("__", ".")}={quote(str(value))}'
                     for name, value in options.items())
    return f'k={url}?{query}' if query else f'k={url}'


def values(records):
    return [json.loads(r.value) for r in records if r.value is not None]


def topic_of(pg, table=TOPIC):
    return f'{pg.dbname}.{table}'


def progress_topic(pg):
    return f'__pg_fanout.{pg.slot}.k'


def create_topic(kafka, name, partitions=1, **config):
    for future in kafka.admin.create_topics(
            [NewTopic(name, partitions, 1, config=config)]).values():
        future.result(20)
    rig.wait_until(lambda: name in kafka.topics(), what=f'topic {name}')


def topic_config(kafka, name):
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    found = kafka.admin.describe_configs([resource])[resource].result(20)
    return {key: entry.value for key, entry in found.items()}


def partitions_of(kafka, name):
    return len(kafka.admin.list_topics(name, timeout=20).topics[name].partitions)


@pytest.fixture
def bank(pg):
    pg.sql('create schema burst_bank')
    pg.sql('create table burst_bank.customer (custkey bigint primary key, '
           'first_name text, fico smallint)')
    pg.publication(tables=['burst_bank.customer'])
    pg.create_slot()
    return pg


@pytest.fixture
def own_kafka():
    server = rig.Kafka()
    try:
        yield server.start()
    finally:
        server.close()


def insert(pg, first, last, name='x'):
    pg.sql('insert into burst_bank.customer select i, %s || i, 700 '
           'from generate_series(%s, %s) i', (name, first, last))


def test_murmur2_is_javas():
    assert murmur2(b'') == 275646681
    assert murmur2(b'21') == 1173551340
    assert murmur2(b'a-little-bit-long-string') == 1161502112


def test_topic_keys_partitions(bank, kafka, relay):
    process = relay.stream(bank, sink(kafka.url, partitions=6))
    insert(bank, 1, 300)
    bank.wait_confirmed()
    process.stop()
    topic = topic_of(bank)
    assert partitions_of(kafka, topic) == 6
    records = kafka.read(topic)
    assert len(records) == 300
    assert sorted(json.loads(r.key)['custkey'] for r in records) == \
        list(range(1, 301))
    for record in records:
        assert record.partition == murmur2(record.key) % 6, record
        assert json.loads(record.key) == json.loads(record.value)['key']
    assert len({r.partition for r in records}) == 6
    # the progress topic: one partition, compacted, one key
    progress = progress_topic(bank)
    assert partitions_of(kafka, progress) == 1
    assert topic_config(kafka, progress)['cleanup.policy'] == 'compact'
    checkpoints = kafka.read(progress)
    assert len({r.key for r in checkpoints}) == 1
    positions = [rig.lsn(v['lsn']) for v in values(checkpoints)]
    assert positions == sorted(positions)
    assert bank.confirmed() <= positions[-1]


def test_topic_config(bank, kafka, relay):
    process = relay.stream(bank, sink(
        kafka.url, topic_config__cleanup__policy='compact',
        compression='zstd'))
    insert(bank, 1, 2)
    bank.wait_confirmed()
    process.stop()
    assert topic_config(kafka, topic_of(bank))['cleanup.policy'] == 'compact'
    assert len(kafka.read(topic_of(bank))) == 2


def shape(record):
    """(key, operation or None for a tombstone)"""
    return (json.loads(record.key)['custkey'],
            record.value and json.loads(record.value)['op'])


def change_and_read(bank, kafka, relay, **options):
    process = relay.stream(bank, sink(kafka.url, **options))
    insert(bank, 1, 1)
    bank.sql('update burst_bank.customer set fico = 1')
    bank.sql('update burst_bank.customer set custkey = 2')
    bank.sql('delete from burst_bank.customer')
    bank.wait_confirmed()
    process.stop()
    return kafka.read(topic_of(bank))


def test_tombstones(bank, kafka, relay):
    records = change_and_read(bank, kafka, relay)
    assert [shape(r) for r in records] == [
        (1, 'insert'), (1, 'update'), (1, None), (2, 'update'),
        (2, 'delete'), (2, None)]
    # a tombstone has the position of its change in headers
    moved, deleted = json.loads(records[3].value), json.loads(records[4].value)
    for tombstone, change in (records[2], moved), (records[5], deleted):
        assert tombstone.headers == {
            'pg_fanout.lsn': change['lsn'].encode(),
            'pg_fanout.seq': str(change['seq']).encode()}
    assert records[0].headers == {}


def test_tombstones_off(bank, kafka, relay):
    records = change_and_read(bank, kafka, relay, tombstones='off')
    assert [shape(r) for r in records] == [
        (1, 'insert'), (1, 'update'), (2, 'update'), (2, 'delete')]


def test_table_without_key(pg, kafka, relay):
    """Its records keep their order: one partition, no key."""
    pg.sql('create table log (line int)')
    pg.publication(tables=['log'])
    pg.create_slot()
    process = relay.stream(pg, sink(kafka.url, partitions=5))
    for start in range(0, 100, 20):
        pg.sql('insert into log select generate_series(%s, %s)',
               (start, start + 19))
    pg.wait_confirmed()
    process.stop()
    records = kafka.read(topic_of(pg, 'public.log'))
    assert {r.key for r in records} == {None}
    assert len({r.partition for r in records}) == 1
    assert [v['after']['line'] for v in values(records)] == list(range(100))


def test_broker_restart(pg, own_kafka, relay):
    """A broker that stops, dies and freezes: nothing lost, doubled, reordered."""
    ledger = Ledger(pg)
    pg.create_slot()
    process = relay.stream(pg, sink(own_kafka.url, partitions=1,
                                    delivery='at-least-once'))
    ledger.start()
    time.sleep(1.5)
    own_kafka.stop()
    before = pg.confirmed()
    process.wait_for('no broker can be reached', timeout=20)
    assert process.running
    own_kafka.start()
    pg.wait_confirmed(before + 1, timeout=30)
    own_kafka.pause()
    time.sleep(3)
    own_kafka.resume()
    time.sleep(1)
    ledger.stop()
    pg.wait_confirmed()
    process.stop()
    records = own_kafka.read(topic_of(pg, 'public.ledger'))
    assert ledger.compare(values(records), 'topic', exactly_once=True) == 0


def test_killed_and_resumed(pg, kafka, relay):
    """kill -9 at any time: gapless and in order, some records again."""
    ledger = Ledger(pg)
    pg.create_slot()
    where = sink(kafka.url, partitions=1, checkpoint_interval='100ms',
                 delivery='at-least-once')
    ledger.start()
    for _ in range(5):
        process = relay.stream(pg, where)
        time.sleep(0.7)
        process.kill()
    ledger.stop()
    process = relay.stream(pg, where)
    pg.wait_confirmed()
    process.stop()
    process.wait_for('resumes at')
    records = kafka.read(topic_of(pg, 'public.ledger'))
    ledger.compare(values(records), 'topic')


def test_clean_stop_doubles_nothing(bank, kafka, relay):
    for start in 1, 11, 21:
        process = relay.stream(bank, sink(kafka.url,
                                          checkpoint_interval='1h'))
        insert(bank, start, start + 9)
        process.stop()
    process = relay.stream(bank, sink(kafka.url))
    bank.wait_confirmed()
    process.stop()
    keys = [json.loads(r.key)['custkey'] for r in kafka.read(topic_of(bank))]
    assert keys == list(range(1, 31))


def test_slot_ahead_of_checkpoint(bank, kafka, relay):
    process = relay.stream(bank, sink(kafka.url))
    insert(bank, 1, 1)
    bank.wait_confirmed()
    process.stop()
    insert(bank, 2, 2)
    bank.sql('select pg_replication_slot_advance(%s, pg_current_wal_lsn())',
             (bank.slot,))
    process = relay.stream(bank, sink(kafka.url), wait=False)
    assert process.wait() == rig.Exit.CHECKPOINT
    assert 'pg_replication_slots' in process.stderr
    assert progress_topic(bank) in process.stderr


# ---- what stops the relay ----

def assert_stopped(process, code, *texts, timeout=60):
    assert process.wait(timeout) == code, process.stderr
    for text in texts:
        assert text in process.stderr, process.stderr


def test_too_large_here(bank, kafka, relay):
    process = relay.stream(bank, sink(kafka.url, message_max_bytes='2kB'))
    insert(bank, 1, 1)
    bank.wait_confirmed()
    insert(bank, 2, 2, name='y' * 3000)
    insert(bank, 3, 3)
    assert_stopped(process, rig.Exit.RECORD, 'too large', topic_of(bank),
                   'message_max_bytes')
    assert len(kafka.read(topic_of(bank))) == 1
    # raised as the hint says, it goes on behind the last one
    process = relay.stream(bank, sink(kafka.url))
    bank.wait_confirmed()
    process.stop()
    assert [shape(r)[0] for r in kafka.read(topic_of(bank))] == [1, 2, 3]


def test_too_large_for_broker(bank, kafka, relay):
    create_topic(kafka, topic_of(bank), **{'max.message.bytes': '2000'})
    process = relay.stream(bank, sink(kafka.url, compression='none'))
    insert(bank, 1, 1)
    position = bank.wait_confirmed()
    insert(bank, 2, 2, name='y' * 3000)
    assert_stopped(process, rig.Exit.RECORD, topic_of(bank),
                   'max.message.bytes')
    assert bank.confirmed() < bank.wal_position()
    assert bank.confirmed() >= position
    assert len(kafka.read(topic_of(bank))) == 1


def delete_topic(kafka, name):
    for future in kafka.admin.delete_topics([name]).values():
        future.result(20)


def test_topic_missing(bank, kafka, relay):
    create_topic(kafka, progress_topic(bank), **{'cleanup.policy': 'compact'})
    process = relay.stream(bank, sink(kafka.url, create_topics='off'))
    insert(bank, 1, 1)
    assert_stopped(process, rig.Exit.SINK_SETUP,
                   f'topic "{topic_of(bank)}" does not exist', 'create_topics')
    assert topic_of(bank) not in kafka.topics()


@pytest.mark.parametrize('delivery', ['at-least-once', 'exactly-once'])
def test_topic_deleted(bank, kafka, relay, delivery):
    """KAF-9: what a person deletes is gone, what comes later is not: the topic
    is made again, and where that is not allowed the relay stops."""
    where = sink(kafka.url, delivery=delivery, transaction_timeout='3s')
    process = relay.stream(bank, where)
    insert(bank, 1, 1)
    bank.wait_confirmed()
    delete_topic(kafka, topic_of(bank))
    insert(bank, 2, 2)
    bank.wait_confirmed(timeout=120)
    process.stop()
    assert 'given up' in process.stderr
    assert [v['after']['custkey']
            for v in values(kafka.read(topic_of(bank)))] == [2]
    process = relay.stream(bank, where + '&create_topics=off')
    insert(bank, 3, 3)
    bank.wait_confirmed()
    delete_topic(kafka, topic_of(bank))
    before = bank.confirmed()
    insert(bank, 4, 4)
    after = bank.wal_position()
    assert_stopped(process, rig.Exit.SINK_SETUP,
                   f'topic "{topic_of(bank)}" does not exist', timeout=120)
    assert before <= bank.confirmed() < after


def test_replication_impossible(bank, kafka, relay):
    process = relay.stream(bank, sink(kafka.url, replication=3), wait=False)
    assert_stopped(process, rig.Exit.SINK_SETUP, 'could not be created',
                   'replication')


def test_unreachable(bank, relay):
    url = f'kafka://127.0.0.1:{rig.free_port()}'
    process = relay.stream(bank, sink(url, connect_timeout='1s'), wait=False)
    assert_stopped(process, rig.Exit.SINK_SETUP, url[len('kafka://'):],
                   'refused', 'hint')


@pytest.mark.parametrize('options, texts', [
    ({'kafka.acks': '1'}, ['kafka.acks']),
    ({'kafka.no.such': '1'}, ['kafka.no.such', 'CONFIGURATION']),
    ({'kafka.sasl.password': 'word-of-mine'}, ['kafka.sasl.password']),
    ({'partitons': '3'}, ['partitions']),
    ({'delivery': 'at-most-once'}, ['delivery']),
])
def test_bad_options(bank, relay, options, texts):
    process = relay.stream(bank, sink('kafka://127.0.0.1:9', **options),
                           wait=False)
    assert_stopped(process, rig.Exit.USAGE, *texts)
    assert 'word-of-mine' not in process.stderr


# ---- TLS, SASL, rights ----

def config_file(tmp_path, kafka, **options):
    """A configuration file of mode 0600 with a sink that logs in."""
    given = {'url': kafka.sasl_url, 'security_protocol': 'sasl_ssl',
             'sasl_mechanism': 'PLAIN', 'sasl_username': kafka.username,
             'sasl_password': kafka.password, 'ssl_ca_location': kafka.ca,
             **options}
    path = tmp_path / 'relay.conf'
    path.touch(0o600)
    path.write_text('[sink k]\n' + ''.join(
        f'{name} = {value}\n' for name, value in given.items()
        if value is not None))
    return ['--config', path]


def stream_and_resume(bank, kafka, relay, options, **how):
    process = relay.stream(bank, options=options, **how)
    insert(bank, 1, 50)
    bank.wait_confirmed()
    process.stop()
    process = relay.stream(bank, options=options, **how)
    process.stop()
    process.wait_for('resumes at')
    assert len(kafka.read(topic_of(bank))) == 50
    assert kafka.password not in process.stderr
    return process


def test_sasl_plain(bank, kafka_sasl, relay, tmp_path):
    stream_and_resume(bank, kafka_sasl, relay, config_file(
        tmp_path, kafka_sasl, sasl_mechanism='PLAIN'))


MECHANISMS = pytest.mark.parametrize('mechanism',
                                     ['SCRAM-SHA-256', 'SCRAM-SHA-512'])


@MECHANISMS
def test_sasl_scram(bank, kafka_sasl, relay, tmp_path, mechanism):
    """Apache Kafka 4 refuses the SCRAM of librdkafka before 2.6.1, which
    Debian 12 has: then the relay must say so."""
    options = config_file(tmp_path, kafka_sasl, sasl_mechanism=mechanism)
    process = relay.stream(bank, options=options, wait=False)
    if process.wait_for(r'login refused|streaming from')[0] == 'login refused':
        assert_stopped(process, rig.Exit.SINK_SETUP, '2.6.1')
    else:
        process.stop()
        stream_and_resume(bank, kafka_sasl, relay, options)


@MECHANISMS
def test_sasl_scram_newer_librdkafka(bank, kafka_sasl, relay, tmp_path,
                                     mechanism):
    """The same relay with the librdkafka of the tests' own client."""
    newer = next((Path(confluent_kafka.__file__).parents[1] /
                  'confluent_kafka.libs').glob('librdkafka*.so*'), None)
    if newer is None or not rig.PLAIN_BIN.exists():
        pytest.skip('no other librdkafka, or no relay without sanitizers')
    stream_and_resume(
        bank, kafka_sasl, relay,
        config_file(tmp_path, kafka_sasl, sasl_mechanism=mechanism),
        binary=rig.PLAIN_BIN, env={'LD_PRELOAD': newer}
    ).wait_for(re.escape(f'(librdkafka {confluent_kafka.libversion()[0]})'))


@pytest.mark.parametrize('options, text', [
    ({'sasl_password': 'not-the-one'}, 'sasl_password'),
    ({'ssl_ca_location': None}, 'ssl_ca_location'),
])
def test_login_refused(bank, kafka_sasl, relay, tmp_path, options, text):
    started = time.monotonic()
    process = relay.stream(bank, wait=False, options=config_file(
        tmp_path, kafka_sasl, connect_timeout='30s', **options))
    assert_stopped(process, rig.Exit.SINK_SETUP, text)
    assert time.monotonic() - started < 15
    assert 'not-the-one' not in process.stderr


@pytest.fixture
def acl(kafka_sasl):
    """acl(resource, name, operation, permission) for the SASL user. What has
    an ACL is forbidden to those it does not name."""
    made = []

    def add(kind, name, operation, permission=AclPermissionType.ALLOW):
        parts = (kind, name, ResourcePatternType.LITERAL,
                 f'User:{kafka_sasl.username}', '*', operation, permission)
        for future in kafka_sasl.admin.create_acls([AclBinding(*parts)]).values():
            future.result(20)
        made.append(AclBindingFilter(*parts))

    def remove():
        for future in kafka_sasl.admin.delete_acls(made).values():
            future.result(20)
        made.clear()

    add.remove = remove
    yield add
    if made:
        remove()


def test_no_right_to_write(bank, kafka_sasl, relay, tmp_path, acl):
    create_topic(kafka_sasl, topic_of(bank))
    acl(ResourceType.TOPIC, topic_of(bank), AclOperation.DESCRIBE)
    process = relay.stream(bank, options=config_file(tmp_path, kafka_sasl))
    insert(bank, 1, 1)
    assert_stopped(process, rig.Exit.SINK_WRITE, topic_of(bank), 'Grant')
    assert kafka_sasl.read(topic_of(bank)) == []


def lose_right(bank, kafka_sasl, acl):
    """The right to write is gone, once there is a record."""
    insert(bank, 1, 1)
    rig.wait_until(lambda: len(kafka_sasl.read(topic_of(bank))) == 1,
                   what='the first record')
    acl(ResourceType.TOPIC, topic_of(bank), AclOperation.DESCRIBE)


def test_no_right_for_a_while(bank, kafka_sasl, relay, tmp_path, acl):
    """With a spool the sink is away meanwhile, the others go on, and nothing
    is missing or twice when the right is back."""
    create_topic(kafka_sasl, topic_of(bank))
    out = tmp_path / 'out'
    process = relay.stream(bank, options=[
        *config_file(tmp_path, kafka_sasl, delivery='exactly-once'),
        '--sink', f'file:{out}?sync_interval=0',
        *rig.spool(tmp_path / 'spool')])
    lose_right(bank, kafka_sasl, acl)
    insert(bank, 2, 6)
    process.wait_for('sink k: is tried again while the others go on')
    insert(bank, 7, 11)
    bank.wait_confirmed()
    rig.wait_until(lambda: out.read_bytes().count(b'\n') == 11,
                   what='the records in the file')
    time.sleep(8)
    assert process.running, process.stderr
    assert 1 <= process.stderr.count('is tried again') <= 3
    acl.remove()
    process.wait_for('sink k: is there again')
    rig.wait_until(lambda: len(kafka_sasl.read(topic_of(bank))) >= 11,
                   what='the records in Kafka')
    process.stop()
    assert [value['after']['custkey'] for value in
            values(kafka_sasl.read(topic_of(bank)))] == list(range(1, 12))


def test_stop_while_it_is_tried(bank, kafka_sasl, relay, tmp_path, acl):
    """A broker that does not answer is not waited for."""
    create_topic(kafka_sasl, topic_of(bank))
    process = relay.stream(bank, options=[
        *config_file(tmp_path, kafka_sasl, connect_timeout='10min'),
        '--sink', f'file:{tmp_path}/out?sync_interval=0',
        *rig.spool(tmp_path / 'spool')])
    lose_right(bank, kafka_sasl, acl)
    insert(bank, 2, 2)
    process.wait_for('sink k: is tried again while the others go on')
    kafka_sasl.pause()
    try:
        time.sleep(5)
        process.stop(timeout=30)
    finally:
        kafka_sasl.resume()
    assert 'sink k: is away' in process.stderr


def test_no_right_to_see(bank, kafka_sasl, relay, tmp_path, acl):
    create_topic(kafka_sasl, topic_of(bank))
    acl(ResourceType.TOPIC, topic_of(bank), AclOperation.READ,
        AclPermissionType.DENY)
    process = relay.stream(bank, options=config_file(tmp_path, kafka_sasl))
    insert(bank, 1, 1)
    assert_stopped(process, rig.Exit.SINK_SETUP, topic_of(bank), 'Grant')


def test_no_right_to_create(bank, kafka_sasl, relay, tmp_path, acl):
    acl(ResourceType.BROKER, 'kafka-cluster', AclOperation.CREATE,
        AclPermissionType.DENY)
    acl(ResourceType.TOPIC, topic_of(bank), AclOperation.WRITE)
    process = relay.stream(bank, options=config_file(tmp_path, kafka_sasl))
    insert(bank, 1, 1)
    assert_stopped(process, rig.Exit.SINK_SETUP, topic_of(bank),
                   'could not be created', 'Grant')
    # a topic that exists needs no such right
    create_topic(kafka_sasl, topic_of(bank), 2)
    process = relay.stream(bank, options=config_file(tmp_path, kafka_sasl))
    bank.wait_confirmed()
    process.stop()
    assert len(kafka_sasl.read(topic_of(bank))) == 1


def test_no_right_to_transactions(bank, kafka_sasl, relay, tmp_path, acl):
    """auto says what it cannot do; exactly-once does not go on without."""
    system = bank.value('select system_identifier from pg_control_system()')
    acl(ResourceType.TRANSACTIONAL_ID,
        f'pg_fanout.{system}.{bank.slot}.k.{bank.dbname}',
        AclOperation.WRITE, AclPermissionType.DENY)
    process = relay.stream(bank, wait=False, options=config_file(
        tmp_path, kafka_sasl, delivery='exactly-once'))
    assert_stopped(process, rig.Exit.SINK_SETUP, 'does not allow transactions',
                   'transactional id')
    process = relay.stream(bank, options=config_file(
        tmp_path, kafka_sasl, delivery='auto'))
    insert(bank, 1, 1)
    bank.wait_confirmed()
    process.stop()
    assert 'warning: ' in process.stderr
    assert 'delivery is at-least-once, not exactly-once' in process.stderr
    assert len(kafka_sasl.read(topic_of(bank))) == 1


# ---- others ----

def test_check(bank, kafka, relay):
    topics = kafka.topics()
    process = relay.run(*bank.args, '-S', bank.slot, '--check', '-o',
                        'publication_names=pub', '--sink', sink(kafka.url))
    assert process.code == 0, process.stderr
    assert kafka.topics() == topics
    process = relay.run(*bank.args, '-S', bank.slot, '--check', '-o',
                        'publication_names=pub', '--sink',
                        sink(kafka.url, replication=3))
    assert process.code == rig.Exit.SINK_SETUP


def test_many_new_topics(pg, kafka, relay):
    """Each new topic costs milliseconds, not the second librdkafka waits."""
    for i in range(12):
        pg.sql(f'create table t{i} (id int primary key)')
    pg.publication()
    pg.create_slot()
    process = relay.stream(pg, sink(kafka.url))
    pg.wait_confirmed()
    started = time.monotonic()
    for i in range(12):
        pg.sql(f'insert into t{i} values (1)')
    pg.wait_confirmed()
    assert time.monotonic() - started < 10
    process.stop()
    for i in range(12):
        assert len(kafka.read(topic_of(pg, f'public.t{i}'))) == 1


def test_mock(bank, relay):
    """Brokers inside the process, as the demo has them."""
    process = relay.stream(bank, sink('kafka://mock', partitions=3))
    address = process.wait_for(r'mock brokers listen on (\S+?):?\s')[1]
    process.wait_for('at-least-once')
    insert(bank, 1, 20)
    bank.wait_confirmed()
    records = rig.read_topic(address, topic_of(bank), 'read_uncommitted')
    assert len(records) == 20
    for record in records:
        assert record.partition == murmur2(record.key) % 3
    process.stop()
