"""test_memory.py: one option bounds the whole relay.

The plain build is measured: the sanitizers' own memory would hide the relay's.
MEMORY_TABLES says how many tables one transaction touches (default 400),
MEMORY_ROWS how many rows of 10 MB there are (default 6).
"""
import os

import pytest

import rig

MEGABYTE = 2 ** 20
TABLES = int(os.environ.get('MEMORY_TABLES', 400))
ROWS = int(os.environ.get('MEMORY_ROWS', 6))


def highest_memory(process, pg, timeout=300):
    highest = 0

    def done(position=pg.wal_position()):
        nonlocal highest
        highest = max(highest, process.memory()[1])
        return pg.confirmed() >= position
    rig.wait_until(done, timeout, what='confirmation')
    print(f'highest memory {highest / MEGABYTE:.0f} MB')
    return highest


def test_large_rows(pg, kafka, relay, tmp_path):
    """10 MB each, into two sinks that hold them back."""
    pg.sql('create table t (id int primary key, body text); '
           'alter table t alter body set storage external')
    pg.publication()
    pg.create_slot()
    for number in range(ROWS):
        pg.sql("insert into t values (%s, repeat('x', 10000000))", (number,))
    process = relay.stream(
        pg, f'{kafka.url}?oversize=claim-check'
        f'&claim_check_url=dir://{tmp_path}/claims',
        f'dir://{tmp_path}/lake?flush_interval=1s', binary=rig.PLAIN_BIN,
        options=['--memory=256MB'])
    assert highest_memory(process, pg) < 256 * MEGABYTE
    process.stop()
    assert len(kafka.read(f'{pg.dbname}.public.t')) == ROWS


def test_many_tables(pg, relay, tmp_path):
    """In one transaction, with keys and topics of their own (SIZ-6)."""
    for first in range(0, TABLES, 250):
        pg.sql(''.join(
            f'create table t{n} (id int primary key, a text, b text, c int);'
            for n in range(first, min(first + 250, TABLES))))
    pg.publication()
    pg.create_slot()
    pg.sql(''.join(f"insert into t{n} values (1, 'a', 'b', 2);"
                   for n in range(TABLES)))
    process = relay.stream(pg, f'file:{tmp_path}/out?format=protobuf',
                           'null:?format=json', binary=rig.PLAIN_BIN,
                           options=['--memory=128MB'])
    assert highest_memory(process, pg) < 128 * MEGABYTE
    process.stop()


@pytest.mark.parametrize('memory, sinks, options, shares', [
    ('256MB', ['kafka'], [], {'kafka': 64}),
    ('256MB', ['kafka', 's3'], [], {'kafka': 32, 's3': 47}),
    ('256MB', ['kafka?queue_bytes=16MB', 's3'], [], {'kafka': 16, 's3': 71}),
    ('256MB', ['kafka', 's3'], ['--spool-memory=16MB'],
     {'kafka': 44, 's3': 65}),
    ('256MB', ['kafka'], ['--streaming=off'], {'kafka': 96}),
    # not set: each has its own
    ('0', ['kafka', 's3'], [], {}),
    # too much, or too little left
    ('256MB', ['kafka?queue_bytes=128MB'], [], None),
    ('256MB', ['kafka', 's3'], ['--spool-memory=180MB'], None),
    ('64MB', ['kafka', 's3'], [], None), ('32MB', ['null'], [], None)])
def test_shares(relay, memory, sinks, options, shares):
    urls = {'kafka': 'kafka://127.0.0.1:1', 's3': 's3://bucket',
            'null': 'null:'}
    args = [f'--sink={urls[name]}{mark}{query}' for name, mark, query in (
        sink.partition('?') for sink in sinks)]
    process = relay.run('-d', 'host=/nowhere dbname=x', '-S', 'x', '--start',
                        '--no-loop', '-v', f'--memory={memory}', *args,
                        *options)
    if shares is None:
        assert process.code == rig.Exit.USAGE, process.stderr
        assert f'memory = {memory} does not suffice' in process.stderr
        return
    assert process.code == rig.Exit.CONNECT, process.stderr
    for name, share in shares.items():
        assert f'memory: sink {name} has ' in process.stderr
        assert f' = {share}MB' in process.stderr, process.stderr
    assert bool(shares) == ('memory: ' in process.stderr)
