"""test_failpoints.py: kill -9 at every place where that is worst.

relay/failpoint.h lists the places. Each is reached and ends the relay, one
after the other on one slot; afterwards each sink is compared with the source.
A place that no scenario names fails a test, and so does one that is not
reached.
"""
import itertools
import re
import signal

import pytest

import rig
from manifest import listed_keys, read_manifest
from records import Ledger, read_directory, read_json, read_topics

EXACT = 'linger=1ms&partitions=3&delivery=exactly-once&transaction_interval=20ms'
LOOSE = 'linger=1ms&partitions=3&checkpoint_interval=50ms'
# which of a name's times it is, where the first says less
SCENARIOS = {
    'file': ['slot-taken', 'stream-start', 'record', 'record:30', 'commit',
             'commit:4', 'status', 'status-sent:2', 'file-written',
             'file-synced', 'file-recorded', 'file-renamed',
             'sidecar-written', 'sidecar-renamed'],
    'exact': ['kafka-record:20', 'kafka-progress', 'kafka-commit',
              'kafka-committed'],
    'loose': ['kafka-record:20', 'kafka-progress:2', 'kafka-progress-stored'],
    'objects': ['object-manifest', 'object-put', 'object-put:3',
                'object-intent', 'object-stored', 'object-orphan',
                'object-stored:2', 'object-manifest:2',
                'object-manifest-stored', 'object-manifest-stored:2',
                'object-checkpoint', 'object-checkpoint:2', 'object-recorded',
                'object-rollup', 'dir-synced', 'dir-renamed'],
}
# with tests of their own below
OTHERS = {'object-part', 'object-complete', 'spool-write', 'kafka-renewal'}

pytestmark = pytest.mark.skipif(
    b'PG_FANOUT_FAILPOINT' not in rig.BIN.read_bytes(),
    reason='this relay has no failpoints: PG_FANOUT_BIN')


def listed():
    """Names of all places, from the one list there is."""
    text = (rig.TOP / 'relay/failpoint.h').read_text()
    return re.findall(r'^\tX\(\w+, "([\w-]+)",', text, re.M)


def killed_at(process, name):
    assert process.wait() == -signal.SIGKILL, process.stderr
    process.wait_for(f'failpoint {name.split(":")[0]}: kill9')


def kill_at_each(names, start, ledger, pg):
    """Reaches one place after the other; then everything is delivered."""
    for number, name in enumerate(names):
        ledger.burst(12, number)
        killed_at(start(env={'PG_FANOUT_FAILPOINT': name}), name)
        rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
    ledger.burst(5)
    process = start()
    pg.wait_confirmed()
    process.stop()


def test_every_place_is_reached():
    names = [name.split(':')[0] for name in
             itertools.chain(*SCENARIOS.values())]
    assert set(names) | OTHERS == set(listed())
    assert len(listed()) == len(set(listed()))


def test_release_has_none():
    assert b'PG_FANOUT_FAILPOINT' not in rig.PLAIN_BIN.read_bytes()


def test_wrong_name_is_refused(relay):
    for text in ('nowhere', 'record:x', 'record:0', 'record:1:bang',
                 'record,,'):
        process = relay.run('--list-slots', '--start',
                            env={'PG_FANOUT_FAILPOINT': text})
        assert process.code == rig.Exit.USAGE, process.stderr


def test_file(pg, relay, tmp_path):
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    sink = (f'file:{tmp_path}/out.jsonl?sync_interval=20ms&rotate_bytes=20kB'
            '&checkpoint_interval=50ms')

    def start(env=None):
        return relay.stream(pg, sink, wait=False, env=env,
                            options=['--status-interval=1'])
    kill_at_each(SCENARIOS['file'], start, ledger, pg)
    files = [path for path in tmp_path.iterdir()
             if 'checkpoint' not in path.name and path.stat().st_size]
    assert len(files) > 1
    records = [record for path in files for record in read_json(path)]
    records.sort(key=lambda r: (rig.lsn(r['lsn']), r['seq']))
    ledger.compare(records, 'file', exactly_once=True)


@pytest.mark.parametrize('delivery', ['exact', 'loose'])
def test_kafka(pg, relay, kafka, delivery):
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    options = EXACT if delivery == 'exact' else LOOSE
    sink = f'kafka={kafka.url}?{options}'

    def start(env=None):
        return relay.stream(pg, sink, wait=False, env=env)
    kill_at_each(SCENARIOS[delivery], start, ledger, pg)
    ledger.compare(read_topics(kafka, pg), 'kafka',
                   exactly_once=delivery == 'exact')


def test_objects(pg, relay, s3, tmp_path):
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    how = 'flush_interval=30ms&checkpoint_interval=50ms&rollup=2'
    sinks = [f'dir=dir://{tmp_path}/lake?{how}', f's3={s3.url("lake")}&{how}']

    def start(env=None):
        return relay.stream(pg, *sinks, wait=False, env=dict(s3.env,
                                                             **(env or {})))
    kill_at_each(SCENARIOS['objects'], start, ledger, pg)
    ledger.compare(read_manifest(tmp_path / 'lake'), 'dir', exactly_once=True)
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)
    assert s3.keys('lake') == sorted(listed_keys(s3, 'lake'))


@pytest.mark.parametrize('name', ['object-part:2', 'object-complete'])
def test_parts(pg, relay, s3, name):
    """Within an object of several parts."""
    pg.sql('create table t (id int primary key, body text)')
    pg.publication()
    pg.create_slot()
    pg.sql('insert into t select g, (select string_agg(md5(g * 100 + h || '
           "''), '') from generate_series(1, 36) h) "
           'from generate_series(1, 6000) g')
    url = s3.url('lake', part_bytes='5MB', flush_interval='1s')
    killed_at(relay.stream(pg, f'lake={url}', wait=False, env=dict(
        s3.env, PG_FANOUT_FAILPOINT=name)), name)
    process = relay.stream(pg, f'lake={url}', env=s3.env)
    pg.wait_confirmed()
    process.stop()
    ids = {r['after']['id'] for r in read_manifest(s3, 'lake')}
    assert ids == set(range(1, 6001))


@pytest.mark.parametrize('action', ['kill9', 'error'])
def test_spool(pg, relay, tmp_path, action):
    """While a transaction in progress goes to disk: killed, disk broken."""
    pg.sql('create table t (id int primary key, body text)')
    pg.publication()
    pg.create_slot()
    sink = f'dir=dir://{tmp_path}/lake?flush_interval=100ms'
    options = ['--spool-memory=1MB', f'--spool-directory={tmp_path}']
    pg.sql(f"alter database {pg.dbname} set logical_decoding_work_mem = '1MB'")
    pg.sql('insert into t select g, '
           "(select string_agg(md5(g * 100 + h || ''), '') "
           'from generate_series(1, 8) h) from generate_series(1, 20000) g')
    process = relay.stream(pg, sink, wait=False, options=options, env={
        'PG_FANOUT_FAILPOINT': f'spool-write:2:{action}'})
    code = process.wait()
    assert code == (rig.Exit.DISK if action == 'error' else -signal.SIGKILL)
    process.wait_for('failpoint spool-write')
    process = relay.stream(pg, sink, options=options)
    pg.wait_confirmed()
    process.stop()
    ids = [r['after']['id'] for r in read_directory(tmp_path / 'lake')]
    assert ids == list(range(1, 20001))


def test_renewal(pg, relay, kafka):
    """A transaction that is given up; and a kill while that happens."""
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    sink = f'kafka={kafka.url}?{EXACT}'
    ledger.burst(10)
    process = relay.stream(pg, sink, env={
        'PG_FANOUT_FAILPOINT': 'kafka-committed:1:error'})
    process.wait_for('producer made anew')
    pg.wait_confirmed()
    process.stop()
    ledger.burst(10, 1)
    process = relay.stream(pg, sink, wait=False, env={
        'PG_FANOUT_FAILPOINT': 'kafka-commit:1:error,kafka-renewal'})
    killed_at(process, 'kafka-renewal')
    process = relay.stream(pg, sink)
    pg.wait_confirmed()
    process.stop()
    ledger.compare(read_topics(kafka, pg), 'kafka', exactly_once=True)
