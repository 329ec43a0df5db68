"""test_memory.py: the relay stays within memory, the plugin within 32 MB.

The sanitizers' own memory would hide the relay's: the plain build is measured.
Sizes for more than a quick look: MEMORY_ROWS (of one transaction, default
200,000), MEMORY_TABLES (written to by one transaction, default 300) and
MEMORY_WIDE (rows of ten megabytes, default 6).
"""
import os
import subprocess

import pytest

import rig
from test_big import MEGABYTE, count_records, highest_memory

ROWS = int(os.environ.get('MEMORY_ROWS', 200_000))
TABLES = int(os.environ.get('MEMORY_TABLES', 300))
WIDE = int(os.environ.get('MEMORY_WIDE', 6))
PLUGIN_LIMIT = 32 * MEGABYTE
# transactions would leave marks among the records that are counted by offset
COUNTED = 'delivery=at-least-once'


def stream(relay, pg, memory, *sinks, **how):
    return relay.stream(pg, *sinks, options=[f'--memory={memory}MB'],
                        binary=rig.PLAIN_BIN, **how)


def confirm_within(process, pg, memory, timeout=240):
    highest = highest_memory(process, pg, timeout) / MEGABYTE
    print(f'highest memory {highest:.0f} MB')
    process.stop(timeout=120)
    assert highest < memory, f'{highest:.0f} MB'


@pytest.mark.slow
def test_rows_of_ten_megabytes(pg, relay, kafka, s3, tmp_path):
    """Into all sinks, in two formats; an eighth of the memory is larger."""
    pg.sql('create table wide (id int primary key, payload text)')
    pg.publication(tables=['wide'])
    pg.create_slot()
    pg.sql('insert into wide select g, repeat(md5(g::text), 327680) '
           'from generate_series(1, %s) g', (WIDE,))
    pg.sql("update wide set payload = payload || 'x' where id <= 2")
    process = stream(
        relay, pg, 256, f'file:{tmp_path}/out.jsonl',
        f'{kafka.url}?{COUNTED}&message_max_bytes=16MB&format=protobuf'
        '&topic_config.max.message.bytes=20000000',
        s3.url('lake', flush_interval='1s'), env=s3.env)
    confirm_within(process, pg, 256)
    assert count_records(kafka, f'{pg.dbname}.public.wide') == WIDE + 2


def make_tables(pg):
    pg.sql('create schema many')
    for first in range(0, TABLES, 500):
        pg.sql(''.join(
            f'create table many.t{i} (id int primary key, name text, '
            'at timestamptz default now());'
            for i in range(first, min(first + 500, TABLES))))
    pg.publication()


def write_tables(pg, number):
    pg.sql("""do $$ begin for i in 0..%d loop execute format(
        'insert into many.t%%s values (%d, $1)', i)
        using repeat('x', 200); end loop; end $$""" % (TABLES - 1, number))


@pytest.mark.slow
def test_many_tables(pg, relay, tmp_path):
    """Each has an object open in the lake, a topic, a place in every cache."""
    make_tables(pg)
    pg.create_slot()
    write_tables(pg, 1)
    write_tables(pg, 2)
    memory = 128 if TABLES <= 1000 else 256
    process = stream(relay, pg, memory, f'dir://{tmp_path}/lake?flush_interval=1s',
                     'kafka://mock', f'file:{tmp_path}/out.jsonl')
    confirm_within(process, pg, memory)
    with open(tmp_path / 'out.jsonl', 'rb') as file:
        assert sum(1 for _ in file) == 2 * TABLES


def private_memory(pid):
    with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as file:
        for line in file:
            if line.startswith('RssAnon:'):
                return int(line.split()[1]) * 1024
    raise AssertionError('no RssAnon')


def walsender_memory(pg, plugin, *options):
    """Of a walsender that has read a slot to its end."""
    slot = f'{pg.dbname}_{plugin}'
    process = subprocess.Popen(
        ['pg_recvlogical', '-d', pg.conninfo, '-S', slot, '--start', '-n',
         '-f', '/dev/null', '-F', '0', '-s', '1',
         *(part for option in options for part in ('-o', option))],
        stderr=subprocess.DEVNULL)
    try:
        pg.wait_confirmed(slot=slot, timeout=120)
        return private_memory(pg.walsender(slot))
    finally:
        process.terminate()
        process.wait(30)


def test_plugin_memory(pg):
    """Beside a plugin that remembers nothing of the tables it sees. Tables of
    1,600 columns take as much as ten thousand small ones."""
    columns = ', '.join(f'c{i} int' for i in range(1599))
    for i in range(100):
        pg.sql(f'create table w{i} (id int primary key, {columns})')
    pg.publication()
    for plugin in 'test_decoding', 'pg_fanout':
        pg.create_slot(f'{pg.dbname}_{plugin}', plugin)
    for _ in range(2):
        pg.sql('do $$ begin for i in 0..99 loop execute '
               "format('insert into w%s values ((select count(*) from w%s))', "
               'i, i); end loop; end $$')
    floor = walsender_memory(pg, 'test_decoding')
    ours = walsender_memory(pg, 'pg_fanout', 'publication_names=pub')
    print(f'walsender {floor / MEGABYTE:.0f} MB with test_decoding, '
          f'{ours / MEGABYTE:.0f} MB with pg_fanout')
    assert ours < floor + PLUGIN_LIMIT


@pytest.mark.slow
def test_many_rows_in_one_transaction(pg, relay, kafka, tmp_path):
    pg.sql('create table narrow (id bigint primary key, n int)')
    pg.publication(tables=['narrow'])
    pg.create_slot()
    pg.sql('insert into narrow select g, g from generate_series(1, %s) g',
           (ROWS,))
    process = stream(relay, pg, 96, 'null:', f'{kafka.url}?{COUNTED}',
                     f'dir://{tmp_path}/lake?flush_interval=1s&compression=zstd')
    confirm_within(process, pg, 96, 60 + ROWS // 10_000)
    assert count_records(kafka, f'{pg.dbname}.public.narrow') == ROWS


@pytest.mark.slow
def test_stuck_sink(pg, relay, kafka, tmp_path):
    """What is read while a broker hangs is bounded; then all arrives."""
    pg.sql('create table narrow (id bigint primary key, payload text)')
    pg.publication(tables=['narrow'])
    pg.create_slot()
    out = tmp_path / 'out.jsonl'
    process = stream(relay, pg, 96,
                     f'{kafka.url}?{COUNTED}&queue_messages=10000000',
                     f'file:{out}?sync_interval=100ms')
    pg.sql("insert into narrow values (0, '')")
    pg.wait_confirmed()
    kafka.pause()
    try:
        for i in range(8):
            pg.sql('insert into narrow select g, repeat(md5(g::text), 20) '
                   'from generate_series(%s, %s) g',
                   (i * 25_000 + 1, (i + 1) * 25_000))
        sizes = [-1]

        def stands_still():
            sizes.append(out.stat().st_size)
            return 0 < sizes[-1] == sizes[-2]
        rig.wait_until(stands_still, 60, 1, 'the reading to stop')
        assert sizes[-1] < 200_000 * 640
        highest = process.memory()[1] / MEGABYTE
    finally:
        kafka.resume()
    pg.wait_confirmed(timeout=120)
    process.stop()
    print(f'highest memory {highest:.0f} MB')
    assert highest < 96
    assert count_records(kafka, f'{pg.dbname}.public.narrow') == 200_001
