"""test_s3_faults.py: an S3 server that fails in every way, through s3_proxy.py.

The server behind it is a real one. Whatever it answers, the relay goes on,
nothing is lost, and what stands in the objects is in order.
"""
import pytest

import rig
from manifest import read_manifest
from records import Ledger, read_json
from s3_proxy import REFUSALS, S3Proxy

PASSING = sorted(set(REFUSALS) - {'expired token', 'access denied'}) + [
    'silence', 'cut', 'lost answer']


@pytest.fixture
def proxy(s3):
    one = S3Proxy(s3.endpoint)
    yield one
    one.close()


def url(s3, proxy, **more):
    return s3.url('lake', request_timeout='1s', flush_interval='50ms',
                  checkpoint_interval='50ms', **more).replace(
                      s3.endpoint, proxy.endpoint)


def test_every_fault(pg, relay, s3, proxy):
    """Of objects and of the checkpoint; some twice in a row."""
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    process = relay.stream(pg, url(s3, proxy), env=s3.env)
    for number, fault in enumerate(PASSING):
        proxy.plan(fault, 1 + number % 2, part='lake/')
        proxy.plan(fault, 1, part='/_pg_fanout/')
        ledger.burst(6, number)
        pg.wait_confirmed(timeout=90)
        assert process.running, process.stderr
    process.stop()
    assert proxy.planned == []
    assert {fault for fault, _, _ in proxy.met} == set(PASSING)
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)


def test_uploads_in_parts(pg, relay, s3, proxy):
    """The beginning, the parts, the completion of an upload; then a
    completion that is done but not answered."""
    pg.sql('create table t (id int primary key, body text)')
    pg.publication()
    pg.create_slot()
    process = relay.stream(pg, url(s3, proxy, part_bytes='5MB'), env=s3.env)
    plans = [('slow down', 'POST', 'uploads'), ('cut', 'PUT', 'partNumber=1'),
             ('internal error', 'PUT', 'partNumber=2'),
             ('lost answer', 'PUT', 'partNumber=2'),
             ('unavailable', 'POST', 'uploadId='),
             ('lost answer', 'POST', 'uploadId=')]
    for fault, method, part in plans:
        proxy.plan(fault, method=method, part=part)
    pg.sql('insert into t select g, (select string_agg(md5(g * 100 + h || '
           "''), '') from generate_series(1, 36) h) "
           'from generate_series(1, 6000) g')
    pg.wait_confirmed(timeout=120)
    process.stop()
    assert proxy.planned == []
    assert len(proxy.met) == len(plans)
    ids = [r['after']['id'] for r in read_manifest(s3, 'lake')]
    assert ids == list(range(1, 6001))
    assert not s3.client.list_multipart_uploads(
        Bucket=s3.bucket).get('Uploads')


def test_expired_token(pg, relay, s3, proxy, agent):
    """New keys are fetched from where the old ones came from."""
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    agent.hand_out(s3.access_key, s3.secret_key)
    process = relay.stream(pg, url(s3, proxy), env=agent.env)
    asked = agent.asked
    proxy.plan('expired token', part='lake/')
    ledger.burst(6)
    pg.wait_confirmed()
    process.stop()
    assert agent.asked == asked + 1
    assert [fault for fault, _, _ in proxy.met] == ['expired token']
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)


def test_slow_down_at_the_start(pg, relay, s3, proxy):
    """Also what is asked at a start is asked again."""
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    ledger.burst(6)
    proxy.plan('slow down', 2, method='GET')
    process = relay.stream(pg, url(s3, proxy), env=s3.env)
    pg.wait_confirmed()
    process.stop()
    assert proxy.planned == []
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)


def begun(s3):
    """Whether there is a chain, with a record in it."""
    try:
        return read_manifest(s3, 'lake')
    except AssertionError:
        return False


def test_refused_for_a_while(pg, relay, s3, proxy, tmp_path):
    """Rights are taken away and given back. Without a spool that ends the
    relay; with one the sink is away meanwhile, and the others go on."""
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    out = tmp_path / 'out'
    process = relay.stream(
        pg, f'file:{out}?sync_interval=0', 's3=' + url(s3, proxy), env=s3.env,
        options=rig.spool(tmp_path / 'spool'))
    ledger.burst(6, 0)
    pg.wait_confirmed()
    rig.wait_until(lambda: begun(s3), what='the first objects')
    proxy.plan('access denied', 100000)
    ledger.burst(20, 1)
    process.wait_for('warning: sink s3: .*')
    process.wait_for('sink s3: is tried again while the others go on')
    ledger.burst(20, 2)
    pg.wait_confirmed()
    ledger.wait(lambda: read_json(out), 'file', exactly_once=True)
    rig.wait_until(lambda: len(proxy.met) > 3, what='more tries')
    assert 1 <= process.stderr.count('is tried again') <= 3
    assert 'is there again' not in process.stderr
    proxy.plan_nothing()
    process.wait_for('sink s3: is there again')
    ledger.burst(6, 3)
    ledger.wait(lambda: read_manifest(s3, 'lake'), 's3', exactly_once=True)
    process.stop()
    ledger.compare(read_json(out), 'file', exactly_once=True)


def test_stop_while_it_is_tried(pg, relay, s3, proxy, tmp_path):
    """A sink that does not answer is not waited for."""
    pg.sql('create table t (a int primary key)')
    pg.publication()
    pg.create_slot()
    process = relay.stream(
        pg, f'file:{tmp_path}/out?sync_interval=0',
        's3=' + url(s3, proxy, connect_timeout='10min').replace(
            'request_timeout=1s', 'request_timeout=10min'),
        env=s3.env, options=rig.spool(tmp_path / 'spool'))
    pg.sql('insert into t values (1)')
    rig.wait_until(lambda: begun(s3), what='the first object')
    proxy.plan('access denied', 100)
    pg.sql('insert into t values (2)')
    process.wait_for('sink s3: is tried again')
    for method in 'GET', 'HEAD', 'PUT':
        proxy.plan('silence', 100, method=method)
    rig.wait_until(lambda: any(fault == 'silence' for fault, *_ in proxy.met),
                   what='a try that gets no answer')
    process.stop(timeout=30)
    assert 'sink s3: is away' in process.stderr
