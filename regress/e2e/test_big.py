"""test_big.py: one transaction of a gigabyte, the relay under 256 MB.

The sanitizers' own memory would hide the relay's: the plain build is measured.
BIG_MB (default 1024) is the transaction's size, STREAM_MB (default 300) that
of one which is delivered while in progress, STREAM_SPOOL (default 16MB) the
memory it may wait in.
"""
import os
import shutil

import pytest

import rig

MEGABYTE = 1024 * 1024
BIG_MB = int(os.environ.get('BIG_MB', 1024))
STREAM_MB = int(os.environ.get('STREAM_MB', 300))
STREAM_SPOOL = os.environ.get('STREAM_SPOOL', '16MB')
LIMIT = 256 * MEGABYTE
ROW = 7500


def write_big(pg):
    """Rows of 7.5 kB that neither compress nor move out of line."""
    pg.sql('create table big (id bigint primary key, payload text)')
    pg.sql('alter table big alter payload set storage plain')
    pg.publication(tables=['big'])
    pg.create_slot()
    rows = BIG_MB * MEGABYTE // ROW
    pg.sql('insert into big select g, '
           "repeat(md5(g::text), 8) || repeat('-', 7244) "
           f'from generate_series(1, {rows}) g')
    return rows


def highest_memory(process, pg, timeout):
    """Waits until all is confirmed; the highest resident memory meanwhile."""
    highest = 0
    end = pg.wal_position()

    def done():
        nonlocal highest
        assert process.running, process.stderr
        highest = max(highest, process.memory()[1])
        return pg.confirmed() >= end
    rig.wait_until(done, timeout, 0.3, 'end of the big transaction')
    return highest


@pytest.mark.slow
def test_one_gigabyte(own_pg, relay, kafka, s3, tmp_path):
    if shutil.disk_usage(tmp_path).free < 8 * BIG_MB * MEGABYTE:
        pytest.skip(f'{8 * BIG_MB} MB of disk are needed')
    pg = own_pg
    rows = write_big(pg)
    out = tmp_path / 'out.jsonl'
    process = relay.stream(
        pg, 'null:', f'file:{out}', f'{kafka.url}?delivery=at-least-once',
        s3.url('lake', flush_bytes='256MB', flush_interval='10s'),
        env=s3.env, binary=rig.PLAIN_BIN)
    highest = highest_memory(process, pg, 300)
    process.stop(timeout=120)
    assert highest < LIMIT, f'{highest / MEGABYTE:.0f} MB'
    with open(out, 'rb') as file:
        assert sum(1 for _ in file) == rows
    assert out.stat().st_size > rows * ROW
    out.unlink()
    assert sum(s3.read(key).count(b'\n') for key in s3.keys('lake')) == rows
    topic = f'{pg.dbname}.public.big'
    assert count_records(kafka, topic) == rows
    print(f'highest memory {highest / MEGABYTE:.0f} MB')


def count_records(kafka, topic):
    """From the partitions' ends: a gigabyte need not be read for that."""
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({'bootstrap.servers': kafka.bootstrap,
                         'group.id': 'counter'})
    try:
        partitions = consumer.list_topics(topic, timeout=20)
        return sum(high - low for low, high in (
            consumer.get_watermark_offsets(TopicPartition(topic, number),
                                           timeout=20)
            for number in partitions.topics[topic].partitions))
    finally:
        consumer.close()


def spooled(process):
    """Bytes of the nameless files that a relay has in its spool."""
    total = 0
    for link in os.scandir(f'/proc/{process.pid}/fd'):
        try:
            if '/spool/' in os.readlink(link):
                total += os.stat(link).st_blocks * 512
        except FileNotFoundError:
            pass
    return total


class Growing:
    """A table into which sessions write rows that no compressor shortens."""

    def __init__(self, pg):
        self.pg = pg
        self.rows = STREAM_MB * MEGABYTE // ROW
        pg.sql('create table noise (id int primary key, payload text)')
        pg.sql('insert into noise select a, string_agg(md5(a || $$.$$ || b), '
               f"'') from generate_series(0, 63) a, generate_series(1, "
               f'{ROW // 32}) b group by a')
        pg.sql('create table big (id bigint primary key, payload text)')
        pg.sql('alter table big alter payload set storage plain')
        pg.sql(f"alter database {pg.dbname} set logical_decoding_work_mem = "
               "'64kB'")
        pg.publication(tables=['big'])
        pg.create_slot()

    def begin(self, first):
        """A session that has written, and not yet committed."""
        session = self.pg.connect(autocommit=False)
        session.cursor().execute(
            'insert into big select %s + g, payload from '
            'generate_series(1, %s) g join noise on noise.id = g %% 64',
            (first, self.rows))
        return session

    def wait_streamed(self, process, size):
        """Until the server has sent that many bytes beyond those before."""
        def done():
            assert process.running, process.stderr
            return spooled(process) > size
        rig.wait_until(done, STREAM_MB, 0.2, f'{size} bytes in the spool')


@pytest.mark.slow
def test_in_progress(own_pg, relay, kafka, tmp_path):
    """Sent while in progress and committed; another one is rolled back. Status
    messages go on all the time: the server's patience is five seconds."""
    if shutil.disk_usage(tmp_path).free < 10 * STREAM_MB * MEGABYTE:
        pytest.skip(f'{10 * STREAM_MB} MB of disk are needed')
    growing = Growing(own_pg)
    out, rows = tmp_path / 'out.jsonl', growing.rows
    topic = f'{own_pg.dbname}.public.big'
    process = relay.stream(
        own_pg, 'null:', f'file:{out}', f'{kafka.url}?delivery=at-least-once',
        options=(f'--spool-memory={STREAM_SPOOL}',
                 f'--spool-directory={tmp_path}/spool'),
        binary=rig.PLAIN_BIN)
    session = growing.begin(0)
    growing.wait_streamed(process, (STREAM_MB - 70) * MEGABYTE)
    assert out.stat().st_size == 0
    session.commit()
    own_pg.wait_confirmed(timeout=2 * STREAM_MB)
    assert spooled(process) == 0
    session = growing.begin(10 * rows)
    growing.wait_streamed(process, (STREAM_MB - 70) * MEGABYTE)
    session.rollback()
    own_pg.wait_confirmed(timeout=2 * STREAM_MB)
    assert spooled(process) == 0
    highest = process.memory()[1]
    process.stop()
    assert highest < LIMIT, f'{highest / MEGABYTE:.0f} MB'
    assert process.stderr.count('streaming from slot') == 1
    with open(out, 'rb') as file:
        assert sum(1 for _ in file) == rows
    out.unlink()
    assert count_records(kafka, topic) == rows
    print(f'highest memory {highest / MEGABYTE:.0f} MB')


@pytest.mark.slow
def test_slow_disk_does_not_fill_memory(pg, relay, tmp_path):
    """A sink that does not keep up stops the reading, not the machine."""
    pg.sql('create table big (id bigint primary key, payload text)')
    pg.publication(tables=['big'])
    pg.create_slot()
    pg.sql("insert into big select g, repeat(md5(g::text), 60) "
           'from generate_series(1, 100000) g')
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    # nobody reads: a pipe takes 64 kB, then the writer would block
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    try:
        process = relay.stream(pg, 'file:-', stdout=writer,
                               binary=rig.PLAIN_BIN, wait=False)
        os.close(writer)
        import time
        time.sleep(4)
        assert process.memory()[1] < LIMIT
        assert process.running
        read = 0
        os.set_blocking(reader, True)
        while read < 100_000_000:
            data = os.read(reader, 1 << 20)
            if not data:
                break
            read += data.count(b'\n')
            if read >= 100000:
                break
        assert read == 100000
        process.stop()
    finally:
        os.close(reader)
