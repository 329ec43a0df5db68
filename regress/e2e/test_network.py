"""test_network.py: links on which things go wrong.

Between relay and server, broker and S3 server stands a proxy (tcp_proxy.py)
that delays, slices, throttles, stalls, cuts and refuses. The relay must live
through all of it, and nothing may be lost.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rig
from manifest import read_manifest
from records import Ledger, read_json, read_topics
from tcp_proxy import TcpProxy

# what is set on the proxy, and for how many seconds at most
TOXICS = {
    'latency': 0.02, 'bandwidth': 60000, 'slice': 11, 'stalled': True,
    'cut_after': 3000, 'refusing': True,
}


class Detour:
    """A database reached through a port of this machine."""

    def __init__(self, pg, port, **more):
        self.pg = pg
        words = dict(dbname=pg.dbname, host='127.0.0.1', port=port,
                     user=pg.user, **more)
        self.args = ['-d', ' '.join(f'{k}={v}' for k, v in words.items())]
        self.env = {'PGPASSWORD': pg.password}

    def __getattr__(self, name):
        return getattr(self.pg, name)


@pytest.fixture
def proxy():
    """proxy(target, port=0): makes one that is closed at the end."""
    made = []

    def make(*where):
        made.append(TcpProxy(*where))
        return made[-1]
    yield make
    for one in made:
        one.close()


def poison(link, ledger, pg, process):
    """One fault after the other, each under some transactions."""
    for number, (toxic, value) in enumerate(TOXICS.items()):
        setattr(link, toxic, value)
        if toxic in ('cut_after', 'refusing'):
            link.reset()
        ledger.burst(10, number)
        if toxic in ('stalled', 'refusing'):
            time.sleep(1)
            link.heal()
        pg.wait_confirmed(timeout=90)
        link.heal()
        link.reset()            # while nothing happens
        assert process.running, process.stderr
    ledger.burst(5)
    pg.wait_confirmed(timeout=90)
    process.stop()
    assert link.cuts == 1 and link.accepted > 3


def test_postgres_link(pg, relay, proxy, tmp_path):
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    link = proxy(f'{pg.host}/.s.PGSQL.{pg.port}')
    detour = Detour(pg, link.port)
    process = relay.stream(detour, f'file:{tmp_path}/out?sync_interval=50ms',
                           env=detour.env)
    poison(link, ledger, pg, process)
    ledger.compare(read_json(tmp_path / 'out'), 'file', exactly_once=True)


def test_s3_link(pg, relay, proxy, s3):
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    link = proxy(s3.endpoint.split('//')[1])
    url = s3.url('lake', flush_interval='100ms', connect_timeout='5s').replace(
        s3.endpoint, f'http://127.0.0.1:{link.port}')
    process = relay.stream(pg, url, env=s3.env)
    poison(link, ledger, pg, process)
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)


def test_kafka_link(pg, relay, proxy, moved_kafka):
    """At least once, and exactly once."""
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    link = proxy(moved_kafka.bootstrap, moved_kafka.public_port)
    url = (f'kafka://127.0.0.1:{link.port}?linger=1ms&partitions=3'
           '&checkpoint_interval=100ms&kafka.reconnect.backoff.max.ms=500')
    loose = f'{pg.dbname}_loose'
    process = relay.stream(
        pg, f'exact={url}&delivery=exactly-once',
        f'loose={url}&delivery=at-least-once&prefix={loose}')
    poison(link, ledger, pg, process)
    ledger.compare(read_topics(moved_kafka, pg), 'exact', exactly_once=True)
    ledger.compare(read_topics(moved_kafka, pg, prefix=loose), 'loose')


def test_stuck_sink_keeps_the_connection(pg, relay, proxy, s3):
    """For ten times as long as the server waits for a sign of life."""
    pg.sql(f"alter database {pg.dbname} set wal_sender_timeout = '1s'")
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    link = proxy(s3.endpoint.split('//')[1])
    url = s3.url('lake', flush_interval='100ms').replace(
        s3.endpoint, f'http://127.0.0.1:{link.port}')
    process = relay.stream(pg, url, env=s3.env)
    walsender = pg.walsender()
    link.stalled = True
    ledger.burst(20)
    before = pg.confirmed()
    time.sleep(10)
    assert pg.walsender() == walsender
    assert pg.confirmed() == before
    link.heal()
    pg.wait_confirmed()
    process.stop()
    assert process.stderr.count('streaming from slot') == 1
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)


def test_relay_stands_still(pg, relay, tmp_path):
    """For longer than the server waits: it goes on where it was."""
    pg.sql(f"alter database {pg.dbname} set wal_sender_timeout = '1s'")
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    process = relay.stream(pg, f'file:{tmp_path}/out?sync_interval=50ms')
    for seed in range(2):
        ledger.burst(10, seed)
        process.signal(signal.SIGSTOP)
        rig.wait_until(lambda: not pg.walsender(), what='end of the walsender')
        ledger.burst(10, seed)
        seen = len(process.lines)
        process.signal(signal.SIGCONT)
        process.wait_streaming(after=seen)
    pg.wait_confirmed()
    process.stop()
    ledger.compare(read_json(tmp_path / 'out'), 'file', exactly_once=True)


def in_network_of(process, *command):
    return subprocess.run(['nsenter', '-t', str(process.pid), '-n', *command],
                          capture_output=True, text=True)


def may_make_networks():
    return (os.geteuid() == 0 and all(map(shutil.which, (
        'unshare', 'nsenter', 'ip', 'tc')))
        and subprocess.run(['unshare', '-n', 'true'],
                           capture_output=True).returncode == 0)


@pytest.mark.skipif(not may_make_networks(),
                    reason='a network of its own takes root, ip and tc')
def test_black_hole(pg, relay, tmp_path):
    """Packets vanish both ways and nobody says so. The server waits for ever,
    so it is up to the relay to notice; how soon, the connection string says.
    """
    pg.sql(f"alter database {pg.dbname} set wal_sender_timeout = 0")
    ledger = Ledger(pg, tally=True)
    pg.create_slot()
    detour = Detour(pg, 5432, keepalives_idle=1, keepalives_interval=1,
                    keepalives_count=2, tcp_user_timeout=2000)
    proxy = Path(__file__).with_name('tcp_proxy.py')
    process = relay.stream(
        detour, f'file:{tmp_path}/out?sync_interval=50ms', env=detour.env,
        wait=False, wrap=[
            'unshare', '-n', 'bash', '-c', 'ip link set lo up\n'
            f'{sys.executable} {proxy} 5432 {pg.host}/.s.PGSQL.{pg.port} &\n'
            'while ! (exec 3<>/dev/tcp/127.0.0.1/5432) 2>/dev/null\n'
            'do sleep 0.1; done\nexec "$@"', 'relay'])
    process.wait_streaming()
    ledger.burst(10)
    pg.wait_confirmed()
    done = in_network_of(process, 'tc', 'qdisc', 'add', 'dev', 'lo', 'root',
                         'pfifo', 'limit', '0')
    if done.returncode:
        pytest.skip(f'no way to lose packets: {done.stderr}')
    began = time.monotonic()
    ledger.burst(10, 1)
    process.wait_for('lost connection to the server', timeout=60)
    print(f'noticed after {time.monotonic() - began:.1f} s')
    seen = len(process.lines)
    in_network_of(process, 'tc', 'qdisc', 'del', 'dev', 'lo', 'root')
    process.wait_streaming(timeout=60, after=seen)
    pg.wait_confirmed()
    process.stop()
    ledger.compare(read_json(tmp_path / 'out'), 'file', exactly_once=True)
