"""torture.py: everything that can be killed is, again and again.

Writers write; one relay delivers into a file that is rotated, a directory of
objects, S3 and Kafka (exactly once). Meanwhile at random times, all at once:
the relay is killed (kill -9, a third of the times at a failpoint), its
walsender is terminated, the server stops at once and recovers, the broker and
the S3 server are killed and started again. Then everything is delivered, and
each sink is compared with the source: nothing lost, nothing invented, in
order, nothing twice: in the files, in what manifests list, and for readers of
committed records in Kafka.

RELAY_KILLS, WALSENDER_KILLS, SERVER_STOPS, BROKER_KILLS, S3_KILLS, WRITERS say
how much of it, RATE how many transactions the writers come to in a second.
SEED repeats the plan of an earlier run, though not its timing. SPOOL=directory
gives the relay a spool below that.
"""
import itertools
import os
import random
import re
import shutil
import signal
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'e2e'))

import rig  # noqa: E402
from manifest import read_manifest  # noqa: E402
from records import (Ledger, position, read_json,  # noqa: E402
                     read_topics)

# what is killed: the name of its count, how many by default, and how many
# seconds one of them is given
KINDS = {
    'relay': ('RELAY_KILLS', 50, 1.6),
    'walsender': ('WALSENDER_KILLS', 30, 1.5),
    'server': ('SERVER_STOPS', 5, 10),
    'broker': ('BROKER_KILLS', 5, 18),
    's3': ('S3_KILLS', 5, 6),
}
# ends that a relay which starts while a server is away may come to by itself
AWAY = (rig.Exit.CONNECT, rig.Exit.SLOT_IN_USE, rig.Exit.SINK_SETUP)
SINKS = {
    'file': 'file:{top}/out.jsonl?sync_interval=50ms&rotate_bytes=4MB',
    'dir': 'dir://{top}/lake?flush_interval=100ms',
    's3': '{s3}&flush_interval=100ms&connect_timeout=5s',
    'kafka': '{kafka}?linger=1ms&partitions=3&delivery=exactly-once'
             '&transaction_interval=30ms&connect_timeout=10s',
}
REST = 8
# every so many lives the relay lives until the slot has moved
PATIENCE = 5


class Torture:
    """One run. tell() gets lines; the findings by sink are the answer."""

    def __init__(self, pg, kafka, bucket, top, counts, writers=8, rate=40,
                 seed=0, tell=print):
        self.pg, self.kafka, self.bucket = pg, kafka, bucket
        self.top, self.tell = top, tell
        self.wanted = counts
        self.done = dict.fromkeys(counts, 0)
        self.seed = seed
        self.duration = max(count * KINDS[kind][2]
                            for kind, count in counts.items())
        self.ledger = Ledger(pg, writers, tally=True)
        self.ledger.pauses = [0, 2 * writers / rate]
        self.failures, self.over = [], threading.Event()
        self.rested, self.starts = {}, []
        self.at_failpoints = self.own_ends = self.moves = 0
        self.sinks = [f'{name}=' + url.format(
            top=top, s3=bucket.url('lake'), kafka=kafka.url)
            + '&checkpoint_interval=100ms' for name, url in SINKS.items()]
        self.places = self._failpoints()

    def _failpoints(self):
        if b'PG_FANOUT_FAILPOINT' not in rig.BIN.read_bytes():
            return []
        text = (rig.TOP / 'relay/failpoint.h').read_text()
        return re.findall(r'^\tX\(\w+, "([\w-]+)",', text, re.M)

    # ---- the run ----

    def run(self):
        """{sink: findings}; AssertionError if something went wrong before."""
        self.pg.create_slot()
        self.started = time.monotonic()
        self.ledger.start()
        threads = [threading.Thread(target=self._nemesis, args=(kind,),
                                    daemon=True) for kind in self.wanted]
        for thread in threads:
            thread.start()
        told = self.started
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.1)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self._report()
        self.ledger.stop()
        assert not self.failures, '; '.join(self.failures)
        self._drain()
        return self._compare()

    def _report(self):
        kills = ', '.join(f'{kind} {self.done[kind]}/{self.wanted[kind]}'
                          for kind in self.wanted)
        rows = self._ask('select count(*) from ledger')
        self.tell(f'{time.monotonic() - self.started:5.0f} s  {kills}, '
                  f'rows {rows if rows is not None else "?"}')

    def _ask(self, text, *parameters):
        """One value from the server; None: it is away."""
        import psycopg2
        try:
            connection = self.pg.connect()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(text, parameters)
                    return cursor.fetchone()[0]
            finally:
                connection.close()
        except psycopg2.Error:
            return None

    def _nemesis(self, kind):
        """Does its deeds at random times over the run."""
        chance = random.Random(f'{self.seed} {kind}')
        deed = getattr(self, f'_kill_{kind}')
        plan = sorted(chance.uniform(0, self.duration)
                      for _ in range(self.wanted[kind]))
        try:
            for moment in plan:
                due = self.started + moment
                while not deed(chance, due):
                    if self.over.wait(0.05):
                        return
                if self.over.is_set():
                    return
                self.done[kind] += 1
            if kind == 'relay':
                self._keep_alive()
        except Exception as error:  # told by run()
            self.failures.append(f'{kind}: {error}')
            self.over.set()

    def _wait(self, due):
        return self.over.wait(max(0, due - time.monotonic()))

    # ---- deeds: whether it was done ----

    def _start(self, **env):
        return rig.Relay(
            [*self.pg.args, '-S', self.pg.slot, '--start', '-o',
             'publication_names=pub', '--status-interval=200ms',
             *itertools.chain(*(('--sink', sink) for sink in self.sinks))],
            env=dict(self.bucket.env, **env))

    def _kill_relay(self, chance, due):
        """One life of the relay, ended at that time, or soon if it is past."""
        env, at_place = {}, self.places and chance.random() < 0.35
        if at_place:
            env['PG_FANOUT_FAILPOINT'] = \
                f'{chance.choice(self.places)}:{chance.choice([1, 1, 2, 5])}'
        process = self._start(**env)
        try:
            return self._live(process, chance, due, at_place)
        finally:
            process.kill()
            process.stdout.close()

    def _live(self, process, chance, due, at_place):
        """Whether it was killed, and did not end by itself. With a server
        away it may not come to streaming before its time is over."""
        patient = self.done['relay'] % PATIENCE == 0
        end = time.monotonic()
        if patient or chance.random() < 0.85:
            begun = end
            self._pass(process, max(due, end + 3), 'streaming from slot')
            end = time.monotonic()
            self.starts.append(end - begun)
        self._pass(process, max(due, end + chance.uniform(0, 1.4 + at_place)))
        if patient:
            self._let_move(process)
        return process.running or self._ended(process, at_place)

    def _let_move(self, process):
        """Kills that never let anything through would prove nothing."""
        least = self._confirmed()
        end = time.monotonic() + 60
        while process.running and time.monotonic() < end and not \
                self.over.wait(0.1):
            now = self._confirmed()
            if now is None:
                continue
            # that of a server that crashed may go back
            least = now if least is None else min(now, least)
            if now > least:
                self.moves += 1
                break

    def _pass(self, process, end, word=None):
        """Until then, or until it has said that, or has ended."""
        while process.running and time.monotonic() < end:
            if self.over.wait(0.02) or word and word in process.stderr:
                break

    def _ended(self, process, at_place):
        code = process.wait()
        if at_place and code == -signal.SIGKILL:
            self.at_failpoints += 1
            return True
        self.own_ends += 1
        assert code in AWAY, \
            f'the relay ended with code {code}:\n{process.stderr}'
        return False

    def _confirmed(self):
        text = self._ask('select confirmed_flush_lsn::text from '
                         'pg_replication_slots where slot_name = %s',
                         self.pg.slot)
        return text and rig.lsn(text)

    def _keep_alive(self):
        """A relay for those who are not done yet."""
        while any(self.done[kind] < self.wanted[kind]
                  for kind in self.wanted) and not self.over.is_set():
            process = self._start()
            while process.running and not self.over.is_set() and any(
                    self.done[kind] < self.wanted[kind]
                    for kind in self.wanted):
                time.sleep(0.1)
            if not process.running:
                self._ended(process, False)
            process.kill()
            process.stdout.close()

    def _kill_walsender(self, chance, due):
        self._wait(due)
        return self._ask(
            'select count(*) filter (where pg_terminate_backend(active_pid)) '
            'from pg_replication_slots where slot_name = %s and active',
            self.pg.slot)

    def _kill_server(self, chance, due):
        self._wait(due)
        self.pg.server.rig('stop', 'immediate')
        self.over.wait(chance.uniform(0, 1))
        self.pg.server.rig('start')
        return True

    def _kill_broker(self, chance, due):
        return self._kill_process(self.kafka, chance, due)

    def _kill_s3(self, chance, due):
        port = self.bucket.endpoint.rsplit(':', 1)[1]
        return self._kill_process(self.bucket.server, chance, due, port)

    def _kill_process(self, server, chance, due, *how):
        """Between two kills it has time to be of use."""
        self._wait(max(due, self.rested.get(server, 0)))
        begun, pid = time.monotonic(), server.pid
        os.kill(pid, signal.SIGKILL)
        rig.wait_until(lambda: rig.has_ended(pid), what=f'end of {pid}')
        self.over.wait(chance.uniform(0, 1))
        server.rig('start', *how)
        now = time.monotonic()
        self.rested[server] = now + min(now - begun, REST)
        return True

    # ---- afterwards ----

    def _drain(self):
        self.pg.disconnect()
        process = self._start()
        try:
            process.wait_streaming(timeout=60)
            self.pg.wait_confirmed(timeout=300)
            if rig.SPOOL:       # that is confirmed what the sinks may not have
                rig.wait_until(self._all_there, 300, interval=5,
                               what='everything in every sink')
            process.stop()
        except AssertionError as error:
            raise AssertionError(
                f'{error}:\n{process.stderr[-3000:]}') from None
        finally:
            process.kill()
            process.stdout.close()

    def _files(self):
        """The file and what it was rotated to, in the order of the stream."""
        groups = [records for records in map(
            read_json, self.top.glob('out*.jsonl')) if records]
        groups.sort(key=lambda records: position(records[0]))
        return itertools.chain(*groups)

    def _all_there(self):
        try:
            return not any(found.lost for found in self._compare().values())
        except AssertionError:
            return False        # a chain of manifests that is growing

    def _compare(self):
        source = self.ledger.source()
        readers = {
            'file': self._files,
            'dir': lambda: read_manifest(self.top / 'lake'),
            's3': lambda: read_manifest(self.bucket, 'lake'),
            'kafka': lambda: read_topics(self.kafka, self.pg),
        }
        self.rows = len(source)
        return {name: self.ledger.examine(read(), source)
                for name, read in readers.items()}

    def verdicts(self, found):
        """[(what, whether it is well)]"""
        yield from ((f'{name}: {findings.problems[:3]}' if findings.problems
                     else f'{name}: nothing lost, all in order',
                     not findings.problems)
                    for name, findings in found.items())
        for name in found:
            yield f'{name}: nothing twice', found[name].repeats == 0
        yield ('every kind killed as often as asked',
               self.done == self.wanted)
        yield ('the slot moves on between kills',
               self.moves > self.wanted['relay'] / 20)


def report(torture, found, tell):
    for kind, count in torture.done.items():
        tell(f'{KINDS[kind][0]:16} {count:6}' + (
            f'  ({torture.at_failpoints} at failpoints; ended by itself '
            f'while something was away: {torture.own_ends})'
            if kind == 'relay' else ''))
    tell(f'the slot was seen to move {torture.moves} times; '
         f'{statistics.median(torture.starts):.1f} s from start to stream')
    transactions = max(f.transactions for f in found.values())
    tell(f'rows {torture.rows}, transactions {transactions}')
    tell('sink   records   lost  out of order  duplicates')
    for name, one in found.items():
        tell(f'{name:5} {one.records:9} {one.lost:6} {one.disorder:13} '
             f'{one.repeats:11}')


def number(name, default):
    return int(os.environ.get(name) or default)


def main():
    seed = number('SEED', random.SystemRandom().randrange(1 << 30))
    counts = {kind: number(name, default)
              for kind, (name, default, _) in KINDS.items()}
    writers = number('WRITERS', 8)
    say(f'SEED={seed} WRITERS={writers} ' + ' '.join(
        f'{KINDS[kind][0]}={count}' for kind, count in counts.items()))
    servers = [rig.Postgres(settings=['wal_sender_timeout=5s']), rig.Kafka(),
               rig.S3()]
    top = rig.private_dir('torture')
    ok = []
    try:
        for server in servers:
            server.start()
        torture = Torture(servers[0].new_database(), servers[1],
                          servers[2].new_bucket(), top, counts, writers,
                          number('RATE', 40), seed, say)
        say(f'faults for about {torture.duration:.0f} s')
        found = torture.run()
        report(torture, found, say)
        for what, well in torture.verdicts(found):
            say(('ok ' if well else 'not ok ') + what)
            ok.append(well)
    except AssertionError as error:
        say(f'not ok {error}')
        ok.append(False)
    finally:
        for server in servers:
            server.close()
        if all(ok):
            shutil.rmtree(top, ignore_errors=True)
    say(f'{sum(ok)} passed, {len(ok) - sum(ok)} failed')
    return 0 if ok and all(ok) else 1


def say(line):
    print(line, flush=True)


if __name__ == '__main__':
    rig.core_files_off()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
