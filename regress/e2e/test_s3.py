"""test_s3.py: objects of a real S3 server, read back by another client.

The server checks signatures and content hashes; boto3 reads.
"""
import gzip
import json
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import rig
from manifest import Place, home, listed_keys, read_chain, read_manifest
from records import Ledger, parse_lines, read_bucket

STYLES = ('path', 'virtual')
FORMATS = {'json': 'jsonl', 'protobuf': 'pb'}
COMPRESSIONS = {'none': '', 'gzip': '.gz', 'zstd': '.zst'}
ROWS = 12000
SOON = {'flush_interval': '200ms'}


@pytest.fixture
def table(pg):
    pg.sql('create table t (id int primary key, body text)')
    pg.publication()
    pg.create_slot()
    return pg


def virtual(url):
    """The same bucket, its name before the host's."""
    return url.replace('127.0.0.1', 's3.localhost') + '&path_style=off'


def unpack(data, key):
    if key.endswith('.gz'):
        return gzip.decompress(data)
    if key.endswith('.zst'):
        return subprocess.run(['zstd', '-dc'], input=data, check=True,
                              capture_output=True).stdout
    return data


# ---- protobuf, taken apart by hand ----

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def frames(data):
    """Messages that each follow their length."""
    at, found = 0, []
    while at < len(data):
        size, at = varint(data, at)
        assert at + size <= len(data), 'a message is cut short'
        found.append(data[at:at + size])
        at += size
    return found


def fields(message):
    """{number: last value} of the kinds that occur here."""
    at, found = 0, {}
    while at < len(message):
        tag, at = varint(message, at)
        if tag & 7 == 0:
            found[tag >> 3], at = varint(message, at)
        else:
            assert tag & 7 == 2, 'neither number nor bytes'
            size, at = varint(message, at)
            found[tag >> 3] = message[at:at + size]
            at += size
    return found


def rows_of(data, format):
    if format == 'json':
        return [(r['after']['id'], r['after']['body'])
                for r in parse_lines(data, 'object')]
    after = [fields(fields(frame)[3]) for frame in frames(data)]
    return [((r[1] >> 1) ^ -(r[1] & 1), r[2].decode()) for r in after]


# ---- contents ----

def test_every_way(table, relay, s3):
    """Each format, compression and style; one object in parts, one whole."""
    table.sql('create table small (id int primary key, body text)')
    ways = [(f, c, s) for f in FORMATS for c in COMPRESSIONS for s in STYLES]
    sinks = []
    for way in ways:
        url = s3.url('-'.join(way), format=way[0], compression=way[1],
                     part_bytes='5MB', flush_interval='300ms')
        url = virtual(url) if way[2] == 'virtual' else url
        sinks.append('-'.join(way) + '=' + url)
    process = relay.stream(table, *sinks, env=s3.env)
    # 36 hexadecimal digests do not compress to less than half: 5 MB and more
    table.sql(f"""
        insert into t select g, (select string_agg(md5(g * 100 + h || ''), '')
            from generate_series(1, 36) h) from generate_series(1, {ROWS}) g;
        insert into small values (1, 'größer'), (-2, '')""")
    table.wait_confirmed(timeout=300)
    process.stop(timeout=120)
    big = table.sql('select id, body from t order by id')
    for way in ways:
        extension = FORMATS[way[0]] + COMPRESSIONS[way[1]]
        prefix = '-'.join(way) + '/'
        keys = s3.keys(prefix)
        assert len(keys) == 2, keys
        for key in keys:
            assert re.fullmatch(
                rf'{prefix}([\w.-]+)/\1-[0-9A-F]{{8}}-[0-9A-F]{{16}}-\d{{10}}'
                rf'-[0-9A-F]{{16}}-1\.{extension}', key), key
        contents = {key.split('/')[1].rsplit('.', 1)[1]:
                    rows_of(unpack(s3.read(key), key), way[0])
                    for key in keys}
        assert contents['t'] == big, way
        assert contents['small'] == [(1, 'größer'), (-2, '')], way
        parts = {key.split('/')[1].rsplit('.', 1)[1]: s3.client.head_object(
            Bucket=s3.bucket, Key=key)['ETag'] for key in keys}
        assert re.search(r'-\d+"$', parts['t']), 'not uploaded in parts'
        assert not re.search(r'-\d+"$', parts['small'])
    uploads = s3.client.list_multipart_uploads(Bucket=s3.bucket)
    assert not uploads.get('Uploads')
    verify = relay.run(*(f'--verify={sink}' for sink in sinks),
                       '--verify-content', env=s3.env)
    lines = verify.output.decode().splitlines()
    assert verify.code == 0, lines
    assert len(lines) == len(ways)
    assert all(f'2 objects with {ROWS + 2} records' in x for x in lines)


def test_object_facts(table, relay, s3):
    process = relay.stream(table, s3.url('lake', **SOON), env=s3.env)
    table.sql("insert into t values (1, 'x')")
    table.wait_confirmed()
    process.stop()
    key, = s3.keys('lake')
    head = s3.client.head_object(Bucket=s3.bucket, Key=key)
    meta = head['Metadata']
    assert head['ContentType'] == 'application/x-ndjson'
    assert meta['pg-fanout-slot'] == table.slot
    assert meta['pg-fanout-system'] == str(table.value(
        'select system_identifier from pg_control_system()'))
    record, = parse_lines(s3.read(key), key)
    assert meta['pg-fanout-position'] == f"{record['lsn']},{record['seq']}"
    number = rig.lsn(record['lsn'])
    assert re.search(rf'-00000001-{number:016X}-0000000001-[0-9A-F]{{16}}-1'
                     r'\.jsonl$', key)
    pointer, manifests = read_chain(s3, 'lake')
    assert rig.lsn(pointer['lsn']) >= table.confirmed() > number
    entry, = manifests[-1]['objects']
    assert entry['key'] == key
    assert entry['first'] == entry['last'] == [record['lsn'], record['seq']]
    assert entry['topic'] == f'{table.dbname}.public.t'
    assert len(entry['schema']) == 16
    assert read_manifest(s3, 'lake') == [record]


@pytest.mark.parametrize('name', ["it's", 'Ünï cödé', 'a+b=c&d%2F', '..', '~'])
def test_odd_table_names(pg, relay, s3, name):
    pg.sql(f'create table "{name}" (id int primary key)')
    pg.publication()
    pg.create_slot()
    process = relay.stream(pg, s3.url('p re/fix+', **SOON), env=s3.env)
    pg.sql(f'insert into "{name}" values (1)')
    pg.wait_confirmed()
    process.stop()
    record, = read_bucket(s3)
    assert record['table'] == name
    assert all(key.startswith('p re/fix+/') for key in s3.keys())


# ---- faults ----

def test_server_away_and_back(table, relay, s3):
    """Nothing is lost, and the relay does not end."""
    process = relay.stream(table, s3.url(**SOON), env=s3.env)
    for i in range(3):
        table.sql(f"insert into t values ({2 * i}, 'before')")
        s3.server.stop()
        table.sql(f"insert into t values ({2 * i + 1}, 'while it is away')")
        if i == 0:
            process.wait_for('attempt [2-9] failed')
        time.sleep(1)
        s3.server.rig('start', s3.endpoint.rsplit(':', 1)[1])
        table.wait_confirmed()
    process.stop()
    assert [r['after']['id'] for r in read_manifest(s3)] == list(range(6))
    assert s3.keys() == sorted(listed_keys(s3))


@pytest.mark.slow
def test_killed_in_uploads(pg, relay, s3):
    """kill -9 while objects and parts are on their way, whatever closes them:
    the manifests list every record once, and nothing else stays."""
    ledger = Ledger(pg)
    pg.create_slot()
    url = s3.url('lake', flush_interval='100ms', flush_bytes='20kB',
                 compression='gzip', rollup=5)
    ledger.start()
    for _ in range(8):
        process = relay.stream(pg, f'lake={url}', env=s3.env,
                               binary=rig.PLAIN_BIN)
        time.sleep(1)
        process.kill()
    ledger.stop()
    process = relay.stream(pg, f'lake={url}', env=s3.env)
    pg.wait_confirmed()
    process.stop()
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)
    assert s3.keys('lake') == sorted(listed_keys(s3, 'lake'))
    assert not s3.client.list_multipart_uploads(
        Bucket=s3.bucket).get('Uploads')
    verify = relay.run('--verify', url, '--verify-content', env=s3.env)
    assert verify.code == 0, verify.output
    assert b'; 0 faults' in verify.output


class Lossy:
    """An S3 server that is hard to talk to: answers get lost after the
    request was done, connections break before, and 500 and 503 come."""

    def __init__(self, port, seed):
        self.port = port
        self.chance = random.Random(seed)
        self.lost = self.refused = 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def endpoint(self):
        return f'http://127.0.0.1:{self.listener.getsockname()[1]}'

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(client,),
                             daemon=True).start()

    def talk(self, client):
        server = socket.create_connection(('127.0.0.1', self.port))
        try:
            while self.one(client.makefile('rb'), client, server):
                pass
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def one(self, reader, client, server):
        request = self.message(reader)
        if not request:
            return False
        fate = self.chance.random()
        if fate < 0.06:
            self.refused += 1
            word = self.chance.choice(('500 Oops', '503 Slow Down'))
            client.sendall(f'HTTP/1.1 {word}\r\nContent-Length: 0\r\n\r\n'
                           .encode())
            return True
        if fate < 0.12:
            self.refused += 1
            return False
        server.sendall(request)
        answer = self.message(server.makefile('rb'),
                              request.startswith(b'HEAD'))
        if fate < 0.24:
            self.lost += 1
            return False
        client.sendall(answer)
        return True

    @staticmethod
    def message(reader, bodiless=False):
        head, size = b'', 0
        while line := reader.readline():
            head += line
            if line.lower().startswith(b'content-length:'):
                size = int(line.split(b':')[1])
            if line == b'\r\n':
                break
        return head + (b'' if bodiless else reader.read(size))

    def close(self):
        self.listener.close()


@pytest.mark.slow
def test_lost_answers_and_kills(pg, relay, s3):
    """Half of what goes wrong went right, and nobody heard of it."""
    ledger = Ledger(pg)
    pg.create_slot()
    lossy = Lossy(int(s3.endpoint.rsplit(':', 1)[1]), 11)
    url = s3.url('lake', flush_interval='50ms', rollup=7)
    sink = url.replace(s3.endpoint, lossy.endpoint)
    ledger.start()
    for _ in range(5):
        process = relay.stream(pg, sink, env=s3.env, binary=rig.PLAIN_BIN)
        time.sleep(2)
        assert process.running, process.stderr
        process.kill()
    ledger.stop()
    process = relay.stream(pg, sink, env=s3.env)
    pg.wait_confirmed(timeout=120)
    process.stop()
    lossy.close()
    assert lossy.lost > 20 and lossy.refused > 20
    ledger.compare(read_manifest(s3, 'lake'), 's3', exactly_once=True)
    verify = relay.run('--verify', url, '--verify-content', env=s3.env)
    assert verify.code == 0, verify.output


# ---- two relays ----

def test_second_relay_takes_over(table, relay, s3):
    """A relay that stood still with a record in its hands comes back to find
    itself replaced: what it writes then counts nowhere, and it stops."""
    first = relay.stream(table, s3.url('lake', flush_interval='5s'),
                         env=s3.env, binary=rig.PLAIN_BIN,
                         options=('-s', '1'))
    table.sql("insert into t values (1, 'both get it')")
    place = table.value('select pg_current_wal_lsn()')
    rig.wait_until(lambda: table.value(
        'select max(write_lsn) >= %s::pg_lsn from pg_stat_replication',
        (place,)), what='record to be received')
    first.signal(signal.SIGSTOP)
    table.sql("select pg_terminate_backend(active_pid) "
              "from pg_replication_slots where active_pid is not null")
    rig.wait_until(lambda: not table.walsender(), what='slot to be free')
    second = relay.stream(table, s3.url('lake', flush_records=1), env=s3.env)
    table.wait_confirmed()
    first.signal(signal.SIGCONT)
    assert first.wait() == rig.Exit.TWO_WRITERS
    assert 'another relay has taken over' in first.stderr
    table.sql("insert into t values (2, 'the second goes on')")
    table.wait_confirmed()
    second.stop()
    assert [r['after']['id'] for r in read_manifest(s3, 'lake')] == [1, 2]


# ---- readers ----

def test_reader_of_readme(table, relay, s3):
    """What the README shows reads all manifests, with roll-ups and without."""
    code = re.search(r'^def manifests\(.*?\n\n', (rig.TOP / 'README.md')
                     .read_text(), re.M | re.S).group()
    names = {'json': json}
    exec(code, names)
    process = relay.stream(table, s3.url('lake', flush_records=1, rollup=2),
                           env=s3.env)
    for i in range(4):
        table.sql('insert into t values (%s)', (i,))
        table.wait_confirmed()
    process.stop()
    pointer, manifests = read_chain(s3, 'lake')
    assert len(manifests) == 5
    assert pointer['chain']['rolled'] == 4
    assert list(names['manifests'](
        s3.read, f'lake/_pg_fanout/{table.slot}/s3')) == manifests


# ---- --verify ----

@pytest.fixture(params=['s3', 'dir'])
def written(request, table, relay, s3, tmp_path):
    """(run --verify, Place, prefix) of a chain with three transactions."""
    if request.param == 's3':
        url, where, prefix = s3.url('lake', flush_records=1), s3, 'lake'
    else:
        url = f'dir://{tmp_path}/lake?flush_records=1'
        where, prefix = tmp_path / 'lake', ''
    process = relay.stream(table, url, env=s3.env)
    for i in range(3):
        table.sql('insert into t values (%s, %s)', (i, 'x' * 10))
        table.wait_confirmed()
    process.stop()

    def verify(*args):
        process = relay.run('--verify', url, *args, env=s3.env)
        return process.code, process.output.decode()

    return verify, Place(where), prefix


def control(place, prefix, word):
    return [key for key in place.keys(home(prefix)) if word in key]


def test_verify_sound(written, table):
    verify, place, prefix = written
    code, text = verify('--verify-content')
    assert code == 0, text
    assert re.search(r'^ok   chain \w+/(s3|dir): 4 manifests from \S+ to \S+ '
                     r'list 3 objects with 3 records in \d+ bytes; 0 faults$',
                     text, re.M), text
    assert verify('-S', table.slot)[0] == 0
    code, text = verify('-S', 'other')
    assert code == rig.Exit.VERIFY and 'no chain' in text


def test_verify_usage(relay, tmp_path):
    """Nothing is made where nothing is, and no server is asked."""
    path = tmp_path / 'nowhere'
    for args, code, word in (
            (['--verify', f'dir://{path}'], rig.Exit.SINK_SETUP, 'nowhere'),
            (['--verify', f'file:{path}'], rig.Exit.USAGE, 'verify'),
            (['--verify', f'dir://{path}', '--start'], rig.Exit.USAGE,
             'stands alone'),
            (['--verify', f'dir://{tmp_path}'], rig.Exit.VERIFY, 'faults')):
        process = relay.run(*args)
        assert process.code == code, process.stderr
        assert word in process.stderr
    assert not path.exists()


def test_verify_by_name(table, relay, tmp_path):
    """A sink of the configuration file, and only that."""
    config = tmp_path / 'fan.conf'
    config.write_text(f'[sink lake]\nurl = dir://{tmp_path}/lake\n'
                      f'[sink other]\nurl = dir://{tmp_path}/other\n')
    process = relay(*table.args, '-S', table.slot, '--start', '-o',
                    'publication_names=pub', '--config', config)
    process.wait_streaming()
    process.stop()
    process = relay.run('--config', config, '--verify', 'lake')
    assert process.code == 0, process.stderr
    assert f'chain {table.slot}/lake: 1 manifests' in process.output.decode()
    assert 'other' not in process.output.decode()


def test_verify_faults(written):
    """Each damage is found, and what is whole again is found whole."""
    verify, place, prefix = written
    _, manifests = read_chain(place.bucket, prefix)
    key = manifests[2]['objects'][0]['key']
    third = control(place, prefix, 'manifest-0000000000000003')[0]
    pointer = [key for key in control(place, prefix, '.json')
               if 'manifest' not in key][0]

    def damaged(name, data, word, *args):
        before = place.read(name)
        if data is None:
            place.remove(name)
        else:
            place.write(name, data)
        code, text = verify(*args)
        assert code == rig.Exit.VERIFY, text
        assert re.search(f'^FAIL .*{word}', text, re.M), text
        place.write(name, before)
        assert verify('--verify-content')[0] == 0

    data, text = place.read(key), place.read(third)
    damaged(key, None, 'is missing')
    damaged(key, data[:-1], f'has {len(data) - 1} bytes')
    damaged(key, data.replace(b'xxx', b'yyy'), 'checksum', '--verify-content')
    damaged(third, None, 'manifest 3 is missing')
    damaged(third, text[:40], 'manifest 3: manifest is damaged')
    changed = dict(manifests[2], prev_end=manifests[1]['prev_end'])
    damaged(third, json.dumps(changed).encode(), 'an overlap')
    changed = dict(manifests[2], prev_end=manifests[2]['end'])
    damaged(third, json.dumps(changed).encode(), 'a gap')
    entry = dict(manifests[2]['objects'][0], **{
        n: manifests[1]['objects'][0][n] for n in ('first', 'last')})
    changed = dict(manifests[2], objects=[entry])
    damaged(third, json.dumps(changed).encode(), 'outside of it')
    damaged(third, json.dumps(changed).encode(), 'overlaps the object before')
    entry = dict(manifests[2]['objects'][0], records=2)
    changed = dict(manifests[2], objects=[entry])
    damaged(third, json.dumps(changed).encode(), 'says 1 records')
    damaged(third, json.dumps(changed).encode(), 'holds 1 records, not 2',
            '--verify-content')
    damaged(pointer, None, 'no chain')
    damaged(pointer, b'{}', 'is no pointer')


def test_stopped_within_upload(table, relay, s3):
    """A clean stop ends an object of which parts are there already."""
    def uploads():
        return s3.client.list_multipart_uploads(
            Bucket=s3.bucket).get('Uploads')

    process = relay.stream(
        table, s3.url('lake', part_bytes='5MB', flush_bytes='1GB'),
        env=s3.env)
    table.sql("insert into t select g, repeat(md5(g::text), 100) "
              "from generate_series(1, 5000) g")
    rig.wait_until(uploads, what='an upload')
    process.stop()
    assert not uploads()
    key, = s3.keys('lake')
    assert [r['after']['id'] for r in parse_lines(s3.read(key), key)] == list(
        range(1, 5001))


def test_killed_within_upload(table, relay, s3):
    """Parts that a killed relay left are found by the next one and ended."""
    def uploads():
        return s3.client.list_multipart_uploads(
            Bucket=s3.bucket).get('Uploads')

    url = s3.url('lake', part_bytes='5MB', flush_bytes='1GB')
    foreign = s3.client.create_multipart_upload(
        Bucket=s3.bucket, Key='lake/of_another')['UploadId']
    process = relay.stream(table, url, env=s3.env, binary=rig.PLAIN_BIN)
    table.sql("insert into t select g, repeat(md5(g::text), 100) "
              "from generate_series(1, 5000) g")
    rig.wait_until(lambda: len(uploads()) == 2, what='an upload')
    process.kill()
    process = relay.stream(table, url + '&flush_records=1', env=s3.env)
    table.wait_confirmed()
    process.stop()
    assert [upload['UploadId'] for upload in uploads()] == [foreign]
    assert 'left by an earlier run, is ended' in process.stderr
    assert [r['after']['id'] for r in read_manifest(s3, 'lake')] == list(
        range(1, 5001))


# ---- setting up ----

def test_check(table, relay, s3):
    def check(url, env=s3.env):
        return relay.run(*table.args, '-S', table.slot, '--check', '-o',
                         'publication_names=pub', '--sink', url, env=env)

    assert check(s3.url('lake')).code == 0
    assert s3.keys(hidden=True) == []
    assert not s3.client.list_multipart_uploads(
        Bucket=s3.bucket).get('Uploads')
    for url, env in (
            (s3.url().replace(s3.bucket, 'no-such-bucket'), s3.env),
            (s3.url(), dict(s3.env, AWS_SECRET_ACCESS_KEY='hunter22')),
            (s3.url(), dict(s3.env, AWS_ACCESS_KEY_ID='nobody'))):
        process = check(url, env)
        assert process.code != 0
        assert 'hunter22' not in process.stderr + process.output.decode()


def test_credentials_from_profile(table, relay, s3, tmp_path):
    keys = tmp_path / '.aws/credentials'
    keys.parent.mkdir()
    keys.write_text(f'[lake]\naws_access_key_id = {s3.access_key}\n'
                    f'aws_secret_access_key = {s3.secret_key}\n')
    keys.chmod(0o600)
    (tmp_path / '.aws/config').write_text('[profile lake]\n'
                                          'region = us-east-1\n')
    env = {'HOME': tmp_path, 'AWS_ACCESS_KEY_ID': 'other',
           'AWS_SECRET_ACCESS_KEY': 'other'}
    process = relay.stream(table, s3.url(profile='lake', **SOON),
                           env=env)
    table.sql("insert into t values (1, '')")
    table.wait_confirmed()
    process.stop()
    assert len(read_bucket(s3)) == 1


def test_credentials_from_configuration(table, relay, s3, tmp_path):
    """And no secret shows, at the highest level of detail."""
    path = tmp_path / 'fan.conf'
    path.write_text(f'[sink lake]\nurl = {s3.url(**SOON)}\n'
                    f'access_key_id = {s3.access_key}\n'
                    f'secret_access_key = {s3.secret_key}\n')
    path.chmod(0o600)
    process = relay(*table.args, '-S', table.slot, '--start', '-v', '-o',
                    'publication_names=pub', '--config', path)
    process.wait_streaming()
    arguments = open(f'/proc/{process.pid}/cmdline').read()
    table.sql("insert into t values (1, '')")
    table.wait_confirmed()
    process.stop()
    assert len(read_bucket(s3)) == 1
    for text in (process.stderr, process.output.decode(), arguments):
        assert s3.secret_key not in text
        assert 'Signature=' not in text


class Tls:
    """TLS in front of a plain server: enough for a few connections."""

    def __init__(self, directory, port):
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
             '-days', '2', '-subj', '/CN=127.0.0.1', '-addext',
             'subjectAltName=IP:127.0.0.1', '-keyout', directory / 'key',
             '-out', directory / 'ca'], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(directory / 'ca', directory / 'key')
        self.behind = port
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(client,),
                             daemon=True).start()

    def connect(self, client):
        try:
            outer = self.context.wrap_socket(client, server_side=True)
        except (ssl.SSLError, OSError):
            return
        inner = socket.create_connection(('127.0.0.1', self.behind))
        threading.Thread(target=self.copy, args=(inner, outer),
                         daemon=True).start()
        self.copy(outer, inner)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    def close(self):
        self.listener.close()


def test_tls(table, relay, s3, tmp_path):
    tls = Tls(tmp_path, int(s3.endpoint.rsplit(':', 1)[1]))
    try:
        url = s3.url(**SOON).replace(s3.endpoint, f'https://127.0.0.1:{tls.port}')
        refused = relay.stream(table, url, env=s3.env, wait=False)
        assert refused.wait() == rig.Exit.SINK_SETUP
        assert 'ca_file' in refused.stderr
        process = relay.stream(table, f'{url}&ca_file={tmp_path}/ca',
                               env=s3.env)
        table.sql("insert into t values (1, '')")
        table.wait_confirmed()
        process.stop()
        assert len(read_bucket(s3)) == 1
    finally:
        tls.close()


def test_keys_from_a_container(table, relay, s3, agent):
    """Keys that are about to expire are renewed while objects are written."""
    agent.hand_out(s3.access_key, s3.secret_key, life=200)
    process = relay.stream(table, s3.url(**SOON), env=agent.env)
    table.sql("insert into t values (1, 'one')")
    rig.wait_until(lambda: s3.keys())
    assert process.stop() == 0
    assert agent.asked == 2
    assert 'credentials renewed from the container' in process.stderr
    assert s3.secret_key not in process.stderr
