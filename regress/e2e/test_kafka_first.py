"""test_kafka_first.py: a broker that refuses the first request to a partition.

A broker that holds nothing from a producer takes any sequence number from it.
Were the second request under way already, it would be stored, librdkafka would
take the first for stored too, and its records would be nowhere.
"""
from kafka_proxy import Proxy
from records import parse_lines

ROWS = 30


def test_first_request_refused(pg, moved_kafka, relay):
    pg.sql('create table t (id int primary key)')
    pg.publication(tables=['t'])
    pg.create_slot()
    topic = f'{pg.dbname}.public.t'
    port = moved_kafka.public_port
    proxy = Proxy(port, int(moved_kafka.bootstrap.split(':')[1]), topic,
                  patience=1)
    try:
        process = relay.stream(pg, f'k=kafka://127.0.0.1:{port}?linger=0'
                               '&delivery=at-least-once'
                               '&kafka.batch.num.messages=1')
        pg.sql('insert into t select generate_series(1, %s)', (ROWS,))
        pg.wait_confirmed()
        process.stop()
        times = [when for when, _ in proxy.produced]
        assert times[1] >= proxy.answered, 'a second request went ahead'
        ids = [parse_lines(record.value + b'\n', topic)[0]['after']['id']
               for record in moved_kafka.read(topic)]
        assert ids == list(range(1, ROWS + 1))
    finally:
        proxy.close()
