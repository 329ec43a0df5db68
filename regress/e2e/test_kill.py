"""test_kill.py: kill -9, again and again, under writers.

One relay with every kind of sink; afterwards each sink is compared with the
source row by row: nothing lost, nothing invented, per writer in order. The
file sink doubles nothing; the others are at-least-once and may repeat a record
with its position and content.

KILLS (default 50) says how often.
"""
import os
import random
import time

import pytest

import rig
from records import Ledger, parse_lines, read_bucket, read_directory, read_json

TABLES = ('ledger', 'tally')
KILLS = int(os.environ.get('KILLS', 50))


def read_kafka(kafka, *topics):
    """Records of the topics, marked with the partition they come from."""
    return [dict(parse_lines(record.value + b'\n', record.topic)[0],
                 _partition=(record.topic, record.partition))
            for topic in topics for record in kafka.read(topic)]


def read_lake(top):
    """The objects of both tables, each table's in order."""
    return [dict(record, _partition=table) for table in TABLES
            for record in read_directory(top) if record['table'] == table]


def read_s3(bucket, prefix):
    return [dict(record, _partition=table) for table in TABLES
            for record in read_bucket(bucket, prefix)
            if record['table'] == table]


@pytest.mark.slow
def test_kill_nine(pg, relay, kafka, s3, tmp_path):
    ledger = Ledger(pg, writers=6, tally=True)
    pg.create_slot()
    sinks = [
        f'file=file:{tmp_path}/out.jsonl?sync_interval=100ms',
        f'directory=dir://{tmp_path}/lake?flush_interval=200ms',
        f's3={s3.url("lake", flush_interval="200ms")}',
        f'kafka={kafka.url}?linger=1ms&partitions=3',
    ]
    for i, sink in enumerate(sinks):
        sinks[i] = sink + '&checkpoint_interval=100ms'
    how = dict(env=s3.env, binary=rig.PLAIN_BIN, wait=False)
    chance = random.Random(20)
    ledger.start()
    confirmed = [pg.confirmed()]
    survived = 0
    for _ in range(KILLS):
        process = relay.stream(pg, *sinks, **how)
        if chance.random() < 0.2:
            # in the middle of its start
            time.sleep(chance.uniform(0, 0.5))
        else:
            process.wait_streaming()
            time.sleep(chance.uniform(0, 1))
        assert process.running, process.stderr
        process.kill()
        rig.wait_until(lambda: not pg.walsender(), what='slot to be free')
        now = pg.confirmed()
        survived += now > confirmed[-1]
        confirmed.append(now)
    assert confirmed == sorted(confirmed)
    # kills that never let anything through would prove nothing
    assert survived > KILLS / 5
    process = relay.stream(pg, *sinks, **dict(how, wait=True))
    ledger.stop()
    pg.wait_confirmed(timeout=120)
    process.stop()
    assert len(ledger.source()) > KILLS * 10
    ledger.compare(read_json(tmp_path / 'out.jsonl'), 'file',
                   exactly_once=True)
    ledger.compare(read_lake(tmp_path / 'lake'), 'directory')
    ledger.compare(read_s3(s3, 'lake'), 's3')
    ledger.compare(read_kafka(kafka, f'{pg.dbname}.public.ledger',
                              f'{pg.dbname}.public.tally'), 'kafka',
                   exactly_once=True)


@pytest.mark.slow
def test_kill_while_rotating(pg, relay, tmp_path):
    """The file sink alone, with rotation: every row once over all files."""
    ledger = Ledger(pg, writers=3)
    pg.create_slot()
    chance = random.Random(7)
    sink = (f'file:{tmp_path}/out.jsonl?rotate_bytes=20kB&sync_interval=20ms'
            '&checkpoint_interval=20ms')
    ledger.start()
    for _ in range(min(KILLS, 15)):
        process = relay.stream(pg, sink, binary=rig.PLAIN_BIN)
        time.sleep(chance.uniform(0, 0.6))
        assert process.running, process.stderr
        process.kill()
    process = relay.stream(pg, sink, binary=rig.PLAIN_BIN)
    ledger.stop()
    pg.wait_confirmed()
    process.stop()
    files = [path for path in tmp_path.iterdir()
             if 'checkpoint' not in path.name and path.stat().st_size]
    assert len(files) > 3, files
    records = [record for path in files for record in read_json(path)]
    records.sort(key=lambda r: (rig.lsn(r['lsn']), r['seq']))
    ledger.compare(records, 'rotated files', exactly_once=True)
