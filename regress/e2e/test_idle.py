"""test_idle.py: a quiet publication must not pin WAL, nor lose a thing."""
import os
import time

import pytest

import rig
from records import operations, parse_lines, read_directory, read_json


@pytest.fixture
def tables(pg):
    pg.sql('create table wanted (a int primary key)')
    pg.sql('create table other (a int, b text)')
    pg.publication(tables=['wanted'])
    pg.create_slot()
    return pg


def noise(pg, megabytes=2):
    for _ in range(megabytes):
        pg.sql("insert into other select g, repeat('x', 1000) "
               'from generate_series(1, 1000) g')


def test_confirmed_follows_the_server(tables, relay, kafka, s3, tmp_path):
    """ACK-6, ACK-17: WAL of others, of transactions that the slot sends
    nothing of and of messages that nobody asked for is confirmed within about
    30 s, by every kind of sink; nor is it kept."""
    process = relay.stream(
        tables, f'file:{tmp_path}/out',
        f'dir://{tmp_path}/lake?flush_interval=5s', kafka.url,
        s3.url(flush_interval='5s'), env=s3.env)
    begin = tables.wal_position()
    noise(tables)
    tables.server.admin.sql('create table if not exists noise (a text)')
    tables.server.admin.sql("insert into noise select repeat('x', 1000) "
                            'from generate_series(1, 1000)')
    tables.sql("""
        do $$ begin
          for i in 1..2000 loop
            insert into other values (i);
            perform pg_logical_emit_message(true, 'p', 'nobody asked');
            commit;
          end loop;
        end $$""")
    tables.sql('checkpoint')
    end = tables.wal_position()
    began = time.monotonic()
    tables.wait_confirmed(end, timeout=40)
    assert time.monotonic() - began < 32
    assert rig.lsn(tables.slot_info()['restart_lsn']) > begin
    # and the row that comes then is not taken for delivered
    tables.sql('insert into wanted values (1)')
    tables.wait_confirmed(timeout=90)
    process.stop()
    assert operations(read_json(tmp_path / 'out')) == [('insert', 1)]
    assert operations(read_directory(tmp_path / 'lake')) == [('insert', 1)]


def test_nothing_lost_while_idle(tables, relay, tmp_path):
    """Rows between noise, with kills right after idle confirmations."""
    out = tmp_path / 'out'
    for round_number in range(4):
        process = relay.stream(tables, f'file:{out}?sync_interval=1s')
        noise(tables, 1)
        tables.sql('insert into wanted values (%s)', (round_number,))
        noise(tables, 1)
        if round_number % 2:
            tables.wait_confirmed(timeout=40)
        process.kill()
        rig.wait_until(lambda: not tables.walsender(), what='a free slot')
    process = relay.stream(tables, f'file:{out}?sync_interval=1s')
    tables.wait_confirmed(timeout=40)
    process.stop()
    assert operations(read_json(out)) == [
        ('insert', number) for number in range(4)]


def test_lone_message(tables, relay, kafka, s3, tmp_path):
    """A message outside transactions, with no commit behind it, is no stop."""
    process = relay.stream(
        tables, f'file:{tmp_path}/out',
        f'dir://{tmp_path}/lake?flush_interval=2s', kafka.url,
        s3.url(flush_interval='2s'), env=s3.env, options=['-o', 'messages=on'])
    tables.sql("select pg_logical_emit_message(false, 'p', 'hello')")
    noise(tables, 1)
    tables.wait_confirmed(tables.wal_position(), timeout=40)
    process.stop()
    contents = [record['content'] for record in read_json(tmp_path / 'out')]
    assert contents == ['hello']
    contents = [record['content'] for record in read_directory(tmp_path / 'lake')]
    assert contents == ['hello']


def test_filtered_transactions(tables, relay, tmp_path):
    """A transaction of which the filter leaves nothing moves the slot too."""
    if tables.version < 150000:
        pytest.skip('row filters came with 15')
    tables.sql('alter publication pub set table wanted where (a > 1000)')
    process = relay.stream(tables, f'file:{tmp_path}/out?sync_interval=1s')
    tables.sql('insert into wanted select generate_series(1, 1000)')
    tables.wait_confirmed(timeout=40)
    tables.sql('insert into wanted values (1001)')
    tables.wait_confirmed(timeout=40)
    process.stop()
    assert operations(read_json(tmp_path / 'out')) == [('insert', 1001)]


def test_interleaved_transactions(tables, relay):
    """ACK-3, ACK-4, ACK-5: what is confirmed between two commits is neither
    too much for the second nor too little for the first. Standard output has
    no checkpoint: it gets what the slot has not passed."""
    sink = 'file:-'
    process = relay.stream(tables, sink)
    connection = tables.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('insert into wanted values (1)')
        tables.sql('insert into wanted values (2)')
        cursor.execute('insert into wanted values (3)')
        rig.wait_until(lambda: b'\n' in process.output, what='the row')
        process.stop()
        assert operations(parse_lines(process.output, 'out')) == [('insert', 2)]
        between = tables.confirmed()
        cursor.execute('insert into wanted values (4)')
        connection.commit()
    connection.close()
    assert tables.confirmed() == between < tables.wal_position()
    process = relay.stream(tables, sink)
    rig.wait_until(lambda: process.output.count(b'\n') == 3, what='the rows')
    process.stop()
    assert operations(parse_lines(process.output, 'out')) == [
        ('insert', 1), ('insert', 3), ('insert', 4)]


def test_keepalives_of_a_fresh_connection(tables, relay, tmp_path):
    """ACK-8: nothing is durable yet, whatever the server says of its WAL."""
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    tables.sql('insert into wanted select generate_series(1, 20000)')
    noise(tables, 1)
    before = tables.confirmed()
    process = relay.stream(tables, 'pipe=file:-', options=['-s', '1'],
                           stdout=writer)
    for _ in range(8):
        time.sleep(0.5)
        assert tables.confirmed() == before
    assert process.running
    process.kill()
    os.close(writer)
    os.close(reader)


def test_open_transaction_is_waited_for(tables, relay, tmp_path):
    """WAL of a transaction that has not ended stays needed."""
    process = relay.stream(tables, f'file:{tmp_path}/out?sync_interval=1s')
    connection = tables.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute('insert into wanted values (1)')
        noise(tables, 1)
        tables.wait_confirmed(timeout=40)
        process.kill()
        rig.wait_until(lambda: not tables.walsender(), what='a free slot')
        connection.commit()
    connection.close()
    process = relay.stream(tables, f'file:{tmp_path}/out?sync_interval=1s')
    tables.wait_confirmed(timeout=40)
    process.stop()
    assert operations(read_json(tmp_path / 'out')) == [('insert', 1)]


def test_slow_sink_holds_the_slot(tables, relay, s3, tmp_path):
    """Rules R1 and R5: what one sink does not have is not confirmed, and the
    server is answered all the same."""
    process = relay.stream(
        tables, f'file:{tmp_path}/out?sync_interval=0',
        s3.url(flush_interval='200ms'), options=['-s', '1'], env=s3.env)
    tables.sql('insert into wanted values (1)')
    tables.wait_confirmed()
    s3.server.pause()
    try:
        held = tables.confirmed()
        tables.sql('insert into wanted values (2)')
        noise(tables, 1)
        rig.wait_until(
            lambda: len(read_json(tmp_path / 'out')) == 2,
            what='the row in the other sink')
        position = tables.wal_position()
        told = None
        for _ in range(12):
            time.sleep(1)
            assert process.running
            assert tables.confirmed() < position
            told = tables.value(
                'select extract(epoch from now() - reply_time) from '
                'pg_stat_replication where pid = %s', (tables.walsender(),))
            assert told < 5, 'the server is not answered'
        assert tables.confirmed() >= held
    finally:
        s3.server.resume()
    tables.wait_confirmed(timeout=90)
    process.stop()
    assert sum(s3.read(key).count(b'\n') for key in s3.keys()) == 2


def test_stopped_broker_holds_the_slot(tables, relay, kafka, tmp_path):
    process = relay.stream(tables, f'file:{tmp_path}/out?sync_interval=0',
                           kafka.url, options=['-s', '1'])
    tables.sql('insert into wanted values (1)')
    tables.wait_confirmed()
    kafka.pause()
    try:
        tables.sql('insert into wanted values (2)')
        rig.wait_until(
            lambda: len(read_json(tmp_path / 'out')) == 2,
            what='the row in the other sink')
        position = tables.wal_position()
        time.sleep(8)
        assert process.running
        assert tables.confirmed() < position
    finally:
        kafka.resume()
    tables.wait_confirmed(timeout=120)
    process.stop()
    assert [r.key for r in kafka.read(f'{tables.dbname}.public.wanted')] == [
        b'{"a":1}', b'{"a":2}']
