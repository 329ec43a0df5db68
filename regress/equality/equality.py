"""equality.py: one workload, two sources, the same bytes.

Runs each script (script.py says how they are written) once on a private server
beside one slot of each source, has the relay read both slots into protobuf and
JSON files, and compares those (compare.py). Every record carries the table's
fingerprint, so the descriptions of tables, and with them keys, are compared
too. One test is one section of a script.

Environment: PG_CONFIG, PG_FANOUT_BIN, PG_FANOUT_SO; EQUALITY_SOURCES another
pair of output plugins; EQUALITY_LIVE=1 reads after each test, whatever the
script says; EQUALITY_KEEP=1 keeps the files and says where.
"""
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(TOP / 'regress' / 'e2e')]

import compare  # noqa: E402
import rig  # noqa: E402
import script as scripts  # noqa: E402

SOURCES = os.environ.get('EQUALITY_SOURCES', 'pg_fanout,pgoutput').split(',')
SETTINGS = ['max_prepared_transactions=10', 'logical_decoding_work_mem=64kB',
            'track_commit_timestamp=on']
NUMBERS = itertools.count(1)
SHOWN = 30


class Failure(Exception):
    """Something did not even run: a test could not be made of it."""


class Server(rig.Server):
    """The rig's server, asked by psql: Python's own library suffices."""
    script = 'postgres'

    def start(self):
        super().start()
        self.environ.update(self.facts)
        for name in ('PGOPTIONS', 'PGDATABASE', 'PGCLIENTENCODING'):
            self.environ.pop(name, None)
        bindir = subprocess.run(
            [os.environ.get('PG_CONFIG', 'pg_config'), '--bindir'],
            check=True, capture_output=True, text=True).stdout.strip()
        psql = Path(bindir) / 'psql'
        self.psql = str(psql) if psql.exists() else 'psql'
        self.environ['PATH'] = f'{bindir}:{self.environ["PATH"]}'
        self.major = int(self.ask('postgres', 'show server_version_num')) \
            // 10000
        return self

    def close(self):
        self.stop('immediate')
        shutil.rmtree(self.base, ignore_errors=True)

    def session(self, database):
        return subprocess.Popen(
            [self.psql, '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d',
             database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=self.environ, cwd=self.base)

    def ask(self, database, sql):
        """What psql prints for a script."""
        process = self.session(database)
        out, errors = process.communicate(
            sql.encode(errors='surrogateescape'), 120)
        if process.returncode:
            raise Failure(errors.decode(errors='replace').strip())
        return out.decode(errors='replace').strip()


class Session:
    """A script's own psql, fed test by test."""
    END = '@@ equality: end of a test @@'

    def __init__(self, server, database):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [server.psql, '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1',
             '-d', database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, env=server.environ, cwd=server.base)

    def run(self, sql):
        feed = f'{sql}\n\\echo {self.END!r}\n'
        try:
            self.process.stdin.write(feed.encode(errors='surrogateescape'))
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self.process.stdout:
            if self.END.encode() in line:
                return
        self.process.wait(10)
        self.errors.seek(0)
        raise Failure(self.errors.read().decode(errors='replace').strip())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)


class Reading:
    """What one source gives with one set of publications."""

    def __init__(self, server, script, database, source, publications, side):
        number = next(NUMBERS)
        self.server, self.script = server, script
        self.database, self.source = database, source
        self.publications = publications
        self.side = side
        self.slot = f'equality_{number}'
        self.files = server.base / f'files_{number}'
        self.files.mkdir()
        self.process = None

    def create_slot(self):
        self.server.ask(self.database, 'select pg_create_logical_'
                        f"replication_slot('{self.slot}', '{self.source}')")

    def start(self, end):
        facts = self.server.facts
        options = ['messages=on', f'publication_names={self.publications}',
                   *self.script.options]
        self.process = rig.Relay(
            ['-d', self.database, '-h', facts['PGHOST'], '-p',
             facts['PGPORT'], '-U', facts['PGUSER'], '-P', self.source,
             '-S', self.slot, '--start', '--no-loop', f'--endpos={end}',
             *(f'--option={option}' for option in options),
             # names may be longer than a topic of the usual form
             '--sink', f'typed=file:{self.files}/typed?format=protobuf'
             '&topic={table}',
             '--sink', f'plain=file:{self.files}/plain?format=json'
             '&topic={table}'])

    def finish(self):
        code = self.process.wait(120)
        if code:
            raise Failure(f'the relay reading {self.source} ended with code '
                          f'{code}:\n' + '\n'.join(self.process.lines[-12:]))

    def records(self):
        kinds = {'typed': compare.read_protobuf, 'plain': compare.read_json}
        return [kinds[name](self.files / name)
                if (self.files / name).exists() else [] for name in kinds]


def read_all(server, readings):
    server.ask('postgres', 'checkpoint')
    end = server.ask('postgres', 'select pg_current_wal_flush_lsn()')
    for reading in readings:
        reading.start(end)
    for reading in readings:
        reading.finish()


def position(server, database):
    text = server.ask(database, 'select pg_current_wal_insert_lsn()')
    return rig.lsn(text)


def perform(server, script, database):
    """Runs the workload: [[Reading of each source] for each publication],
    and the positions at which the tests begin."""
    if script.setup:
        server.ask(database, script.setup)
    if not script.publications:
        server.ask(database, 'create publication equality for all tables')
    runs = [[Reading(server, script, database, source, names, side)
             for side, source in enumerate(SOURCES)]
            for names in script.publications or ['equality']]
    readings = [reading for run in runs for reading in run]
    for reading in readings:
        reading.create_slot()
    session = Session(server, database)
    begins = []
    try:
        for test in script.tests:
            begins.append(position(server, database))
            session.run(test.text)
            if script.live:
                read_all(server, readings)
    finally:
        session.close()
    if not script.live:
        read_all(server, readings)
    return runs, begins


def column_names(server, database):
    """{(schema, table, number): name} of the columns there are at the end."""
    rows = server.ask(database, """
        select coalesce(json_agg(json_build_array(n.nspname, c.relname,
            a.attnum, a.attname)), '[]')
        from pg_attribute a join pg_class c on c.oid = attrelid
        join pg_namespace n on n.oid = relnamespace
        where attnum > 0 and not attisdropped and relkind in ('r', 'p')
            and nspname not in ('pg_catalog', 'information_schema')""")
    return {(schema, table, number): name for schema, table, number, name
            in compare.json.loads(rows)}


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def tell(self, name, lines):
        print(('not ok ' if lines else 'ok ') + name, flush=True)
        for line in lines[:SHOWN]:
            print('   ', line.replace('\n', '\n    '))
        if len(lines) > SHOWN:
            print(f'    ... and {len(lines) - SHOWN} lines more')
        if lines:
            self.failed += 1
        else:
            self.passed += 1


def check_test(test, pair, names):
    """pair: for each source its protobuf and its JSON records."""
    lines, seen = [], set()
    for left, right in zip(*pair):
        more, found = compare.difference(left, right, SOURCES, names,
                                         test.differs)
        lines += more
        seen |= found
    lines += [f'{path} was to differ and does not'
              for path in test.differs if path not in seen]
    count = len(pair[0][0])
    if test.nothing != (count == 0):
        lines.append(f'{count} records came from {SOURCES[0]}')
    if len(pair[0][0]) != len(pair[0][1]):
        lines.append('there are not as many JSON lines as protobuf messages')
    return lines


def between(records, begin, end):
    return [r for r in records if r.lsn >= begin and
            (end is None or r.lsn < end)]


def check_run(script, run, begins, names, title, tally):
    sides = [reading.records() for reading in run]
    if script.by_table:
        tables = sorted({r.table for side in sides for kind in side
                         for r in kind}, key=str)
        for table in tables:
            pair = [[[r for r in kind if r.table == table] for kind in side]
                    for side in sides]
            name = '.'.join(part or '' for part in table) if table[1] \
                else 'messages'
            tally.tell(f'{title}: {name} ({len(pair[0][0])} records)',
                       check_test(script.tests[0], pair, names))
        if not tables:
            tally.tell(title, ['nothing came from either source'])
        return
    for number, test in enumerate(script.tests):
        end = begins[number + 1] if number + 1 < len(begins) else None
        pair = [[between(kind, begins[number], end) for kind in side]
                for side in sides]
        tally.tell(f'{title}: {test.name}', check_test(test, pair, names))


def run_script(server, path, tally):
    script = scripts.read(path)
    script.live = script.live or bool(os.environ.get('EQUALITY_LIVE'))
    if not script.needs <= server.major <= script.until:
        return
    database = f'equality_{next(NUMBERS)}'
    try:
        server.ask('postgres', f'create database {database} '
                   + script.database)
        runs, begins = perform(server, script, database)
        names = column_names(server, database)
        for run in runs:
            title = script.name if len(runs) == 1 else \
                f'{script.name} ({run[0].publications})'
            check_run(script, run, begins, names, title, tally)
    except (Failure, AssertionError, OSError, ValueError) as failure:
        tally.tell(script.name, str(failure).splitlines() or ['failed'])
    clean_up(server, database)


def clean_up(server, database):
    server.ask('postgres', 'select pg_drop_replication_slot(slot_name) from '
               "pg_replication_slots where not active and database = "
               f"'{database}'")
    server.ask('postgres', f'drop database if exists {database} with (force)')


def main(arguments):
    paths = [Path(a) for a in arguments] or sorted(
        (HERE / 'sql').glob('*.sql'))
    tally = Tally()
    server = Server(settings=SETTINGS)
    try:
        server.start()
        for path in paths:
            run_script(server, path, tally)
    finally:
        if os.environ.get('EQUALITY_KEEP'):
            server.stop('immediate')
            print(f'files are in {server.base}')
        else:
            server.close()
    print(f'{tally.passed} passed, {tally.failed} failed')
    return 1 if tally.failed or not tally.passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
