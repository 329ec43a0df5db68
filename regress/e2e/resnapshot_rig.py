"""resnapshot_rig.py: what tests of tables that are read again share.

What a sink holds is applied in its order: a row that is read must be what is
known of it at that place, if anything is, and in the end there are the
source's rows.
"""
import collections
import json
import re

import pytest

import rig
from records import positions
from snapshot_rig import PLUGINS, args, rows_of, sink, version
from test_network import Detour, proxy  # noqa: F401

BEGUN = r'reading again'
REFUSED = r'(warning|error).*resnapshot'
DONE = r'read again: \d+ rows of \d+ tables'
BOTH = ('public.t0', 'public.parted')
LATEST = 90     # seconds for what takes one or two


@pytest.fixture(params=PLUGINS)
def plugin(request, pg):
    return usable(pg, request.param)


def usable(pg, plugin):
    if plugin == 'pgoutput' and pg.version < 140000:
        pytest.skip('this pgoutput has no messages')
    return plugin


# ---- asking ----

def emit(pg, content, prefix='pg_fanout.resnapshot'):
    """Where the message lies, as a number."""
    return rig.lsn(pg.value(
        'select pg_logical_emit_message(true, %s::text, %s::text)::text',
        (prefix, content)))


def ask(pg, *tables, slot=None, sink=None):
    return emit(pg, json.dumps(dict(tables=tables, slot=slot, sink=sink)))


def start(pg, relay, *sinks, plugin='pg_fanout', mode='never', options=(),
          **how):
    words = [word for one in sinks for word in ('--sink', one)]
    process = relay(*args(pg, plugin, mode), *options, *words, **how)
    return process.wait_streaming(60)


def ask_and_wait(pg, process, *tables, **where):
    seen = len(process.lines)
    place = ask(pg, *tables, **where)
    process.wait_for(DONE, LATEST, after=seen)
    return place


def lines_with(process, pattern):
    return [line for line in process.stderr.splitlines()
            if re.search(pattern, line)]


def finish(pg, process):
    pg.wait_confirmed(timeout=LATEST)
    process.stop()


def killed(pg, process):
    process.kill()
    rig.wait_until(lambda: not pg.walsender(), what='slot to be free')


def nothing_again(pg, relay, *sinks, **how):
    """A start that has nothing to read, although nobody has forgotten what
    was asked for."""
    process = start(pg, relay, *sinks, **how)
    pg.sql('create table if not exists later (id int primary key); '
           'insert into later select count(*) from later')
    finish(pg, process)
    assert not lines_with(process, BEGUN), process.stderr


# ---- judging ----

UNKNOWN, GONE = 'unknown', 'gone'


class Story:
    """What is known of each row after each record. A change says what was
    there before it; a row that is read, what is there at its place."""

    def __init__(self, records):
        self.tables, self.versions = {}, {}
        self.emptied = set()
        self.reads = collections.Counter()
        for record in records:
            self.apply(record)

    def apply(self, record):
        self.table, op = f'{record["schema"]}.{record["table"]}', record['op']
        self.rows = self.tables.setdefault(self.table, {})
        if op == 'truncate':
            self.rows.clear()
            self.emptied.add(self.table)
            return
        key = tuple(record['key'].values())
        known = self.known(key)
        if op == 'read':
            self.reads[self.table, key] += 1
            assert known in (UNKNOWN, present(record)), (
                f'read is {record}, known is {known}')
            self.set(key, record)
        elif op == 'insert':
            assert known in (UNKNOWN, GONE), (record, known)
            self.set(key, record)
        elif op == 'delete':
            assert known != GONE, record
            self.rows[key] = GONE
        else:
            old = tuple((record['before'] or record['key'])[name]
                        for name in record['key'])
            assert self.known(old) != GONE, record
            if old != key:
                assert known in (UNKNOWN, GONE), (record, known)
                self.set(old, record)
                self.rows[old] = GONE
            self.set(key, record)

    def known(self, key):
        return self.rows.get(key, GONE if self.table in self.emptied
                             else UNKNOWN)

    def set(self, key, record):
        new = version(record['after'])
        last = self.versions.get((self.table, key), 0)
        assert new >= last, f'{record} is older than version {last}'
        self.versions[self.table, key] = new
        self.rows[key] = present(record)

    def holds(self, table):
        return {key: row for key, row in self.tables.get(table, {}).items()
                if row != GONE}


def present(record):
    return {k: v for k, v in record['after'].items() if v is not None}


def check(pg, records, tables=('t0', 'parted'), readings=1):
    """The records of one sink in their order; readings: how often a row may
    be read, None: it was interrupted."""
    assert not [r for r in records if r['op'] == 'message']
    places = positions(records)
    assert places == sorted(set(places))
    story = Story(records)
    for name in tables:
        have, want = story.holds(f'public.{name}'), rows_of(
            pg, f'select * from {name}', 'id')
        wrong = [key for key in have.keys() | want.keys()
                 if have.get(key) != want.get(key)]
        assert not wrong, (name, len(wrong), [
            (key, have.get(key), want.get(key)) for key in wrong[:3]])
    if readings is not None:
        often = [row for row, n in story.reads.items() if n > readings]
        assert not often, often[:5]
    return story


def reads(records):
    return [r for r in records if r['op'] == 'read']


def count_reads(path):
    return path.read_bytes().count(b'"op":"read"') if path.exists() else 0


def lake_sink(lake):
    return f'dir=dir://{lake}?flush_interval=100ms&checkpoint_interval=50ms'


# ---- a link that makes reading slow ----

@pytest.fixture
def slow(pg, proxy):  # noqa: F811
    """The database behind a link of some kB a second; its .link may heal."""
    def make(kilobytes=150):
        link = proxy(f'{pg.host}/.s.PGSQL.{pg.port}')
        link.bandwidth, link.slice = kilobytes * 1000, 4096
        detour = Detour(pg, link.port)
        detour.link = link
        return detour
    return make


def begun(process, out, after=0):
    """Until it reads, and some of the rows are there."""
    process.wait_for(BEGUN, LATEST, after=after)
    before = count_reads(out)
    rig.wait_until(lambda: count_reads(out) > before
                   or lines_with(process, DONE), LATEST, what='first rows')
