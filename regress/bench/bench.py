"""bench.py: one load of narrow rows, read by one client after another.

Every case has a slot of its own, made before the load, and reads the same WAL
to the same position. CPU seconds are user and system: the walsender's from
/proc while it lives, the client's from wait4.
"""
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'regress' / 'e2e'))

import rig  # noqa: E402

ROWS = int(os.environ.get('ROWS', 1_000_000))
RUNS = int(os.environ.get('RUNS', 1))
PER_TRANSACTION = 1000
BASES = ('test_decoding', 'pgoutput')


def load(pg):
    pg.sql('create table narrow (id bigint primary key, a int, b text)')
    pg.sql('create publication pub for table narrow')


def insert_rows(pg):
    """Transactions of a thousand rows, without a client's round trips."""
    pg.sql(f"""
        do $$ begin
            for i in 0..{ROWS // PER_TRANSACTION - 1} loop
                insert into narrow select i * {PER_TRANSACTION} + g, g,
                    'row ' || g from generate_series(1, {PER_TRANSACTION}) g;
                commit;
            end loop;
        end $$""")


class WalsenderWatch(threading.Thread):
    """Reads a slot's walsender's CPU, and the client's memory, until the
    walsender ends."""

    def __init__(self, pg, slot, client):
        super().__init__(daemon=True)
        self.pg, self.slot, self.client = pg, slot, client
        self.cpu, self.memory = 0.0, 0

    def run(self):
        connection = self.pg.connect()
        cursor = connection.cursor()
        pid = None
        deadline = time.monotonic() + 20
        while pid is None and time.monotonic() < deadline:
            cursor.execute('select active_pid from pg_replication_slots '
                           'where slot_name = %s', (self.slot,))
            pid = cursor.fetchone()[0]
            time.sleep(0.002)
        connection.close()
        try:
            while pid:
                self.cpu = rig.cpu_seconds(pid)
                # wait4's own number would be that of this process, forked
                self.memory = max(self.memory, client_memory(self.client))
                time.sleep(0.01)
        except (FileNotFoundError, ProcessLookupError):
            pass


def client_memory(pid):
    """Highest resident memory in bytes; 0 once it has ended."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r'VmHWM:\s+(\d+) kB', status)
    return int(found[1]) * 1024 if found else 0


def measure(pg, slot, command, env):
    """(seconds, walsender CPU, client CPU, client's highest memory)"""
    began = time.monotonic()
    with open(TOP / 'build' / 'bench-client.log', 'w') as log:
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.DEVNULL, stderr=log,
            stdin=subprocess.DEVNULL, env=dict(os.environ, **env))
        watch = WalsenderWatch(pg, slot, process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.join(20)
    if process.returncode:
        sys.exit(f'{command} ended with {process.returncode}:\n'
                 + (TOP / 'build' / 'bench-client.log').read_text()[-3000:])
    return (seconds, watch.cpu, usage.ru_utime + usage.ru_stime,
            watch.memory)


class Bench:
    def __init__(self, pg, kafka, s3, directory):
        self.pg, self.kafka, self.s3 = pg, kafka, s3
        self.directory = directory
        self.results = {}
        bindir = subprocess.run(
            [os.environ['PG_CONFIG'], '--bindir'], check=True,
            capture_output=True, text=True).stdout.strip()
        self.recvlogical = f'{bindir}/pg_recvlogical'

    def cases(self):
        """{name: (plugin, sink or None, options of the client)}"""
        where = self.directory
        return {
            'test_decoding': ('test_decoding', None, []),
            'pgoutput': ('pgoutput', None, [
                '-o', 'proto_version=1', '-o', 'publication_names=pub']),
            'null': ('pg_fanout', 'null:', []),
            'file json': ('pg_fanout', f'file:{where}/out.jsonl', []),
            'file protobuf': ('pg_fanout',
                              f'file:{where}/out.pb?format=protobuf', []),
            'file json spool': ('pg_fanout', f'file:{where}/out.jsonl',
                                rig.spool(f'{where}/spool')),
            'kafka mock': ('pg_fanout', 'kafka://mock', []),
            'kafka': ('pg_fanout', f'{self.kafka.url}?delivery=exactly-once',
                      []),
            'kafka at least once': (
                'pg_fanout',
                f'{self.kafka.url}?delivery=at-least-once&prefix=al', []),
            'kafka protobuf': (
                'pg_fanout',
                f'{self.kafka.url}?format=protobuf&prefix=pb', []),
            'dir': ('pg_fanout', f'dir://{where}/lake', []),
            's3': ('pg_fanout', self.s3.url('lake'), []),
        }

    def slot(self, name, run):
        return f'{name.replace(" ", "_")}_{run}'

    def command(self, case, slot, end):
        plugin, sink, options = case
        if sink is None:
            return [self.recvlogical, *self.pg.args, '-S', slot, '--start',
                    '-f', '/dev/null', '-n', '-E', end, *options]
        return [rig.PLAIN_BIN, *self.pg.args, '-S', slot, '--start', '-n',
                '-o', 'publication_names=pub', '--sink', f'bench={sink}',
                '-E', end, *options]

    def run(self, names):
        cases = self.cases()
        load(self.pg)
        for run in range(RUNS):
            for name in names:
                self.pg.create_slot(self.slot(name, run), cases[name][0])
        began = time.monotonic()
        insert_rows(self.pg)
        print(f'{ROWS:,} rows written in {time.monotonic() - began:.1f} s, '
              f'in transactions of {PER_TRANSACTION:,}.', flush=True)
        self.pg.sql('checkpoint')
        end = rig.lsn_text(self.pg.wal_position())
        for run in range(RUNS):
            for name in names:
                slot = self.slot(name, run)
                found = measure(self.pg, slot,
                                self.command(cases[name], slot, end),
                                self.s3.env)
                self.results.setdefault(name, []).append(found)
                print(f'  {name}: {found[0]:.2f} s', flush=True)
                self.check_rows(name)
                self.pg.drop_slot(slot)
                self.forget()

    def check_rows(self, name):
        """Speed without the rows would be none."""
        if name.startswith('file json'):
            with open(self.directory / 'out.jsonl', 'rb') as file:
                found = sum(1 for _ in file)
            assert found == ROWS, f'{found} of {ROWS} rows'

    def forget(self):
        """Files of one case must not weigh on the next."""
        for path in self.directory.glob('out.*'):
            path.unlink()
        shutil.rmtree(self.directory / 'spool', ignore_errors=True)

    def table(self):
        median = {name: sorted(found)[len(found) // 2]
                  for name, found in self.results.items()}
        print(f'\n{"reader and sink":<30}{"rows/s":>10}{"walsender":>11}'
              f'{"client":>9}{"peak":>8}' + ''.join(
                  f'{"/" + base:>16}' for base in BASES if base in median))
        print(f'{"":<30}{"":>10}{"CPU s":>11}{"CPU s":>9}{"MB":>8}')
        for name, (seconds, server, client, memory) in median.items():
            kind = 'pg_recvlogical ' if name in BASES else 'pg_fanout '
            print(f'{kind + name:<30}{ROWS / seconds:>10,.0f}{server:>11.2f}'
                  f'{client:>9.2f}{memory / 2**20:>8.0f}' + ''.join(
                      f'{median[base][0] / seconds:>16.2f}'
                      for base in BASES if base in median))
        print('\nThe last columns divide rows/s by those of pg_recvlogical '
              'with that plugin, to /dev/null.\nSlots are read from their '
              'start to their end: start-up and the last flush are in it.')


def machine(pg):
    cpu = re.search(r'model name\s*: (.*)',
                    Path('/proc/cpuinfo').read_text())
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    print(f'{os.cpu_count()} x {cpu[1] if cpu else platform.machine()}, '
          f'{memory:.0f} GB, Linux {platform.release()}, PostgreSQL '
          f'{pg.value("show server_version")}')


def main(wanted):
    servers = []
    try:
        for kind in (rig.Postgres, rig.Kafka, rig.S3):
            servers.append(kind())
            servers[-1].start()
        postgres, kafka, s3 = servers
        pg, bucket = postgres.new_database(), s3.new_bucket()
        machine(pg)
        bench = Bench(pg, kafka, bucket, postgres.base)
        names = list(bench.cases())
        unknown = set(wanted) - set(names)
        if unknown:
            sys.exit(f'no case {unknown}; there are: {", ".join(names)}')
        chosen = [name for name in names
                  if not wanted or name in wanted or name in BASES]
        bench.run(chosen)
        bench.table()
    finally:
        for server in reversed(servers):
            server.close()


if __name__ == '__main__':
    main(sys.argv[1:])
