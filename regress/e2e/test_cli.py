"""test_cli.py: the command line, which is pg_recvlogical's where it can be."""
import os
import re
import subprocess
from pathlib import Path

import pytest

import rig
from records import operations, parse_lines, read_json
from rig import Exit


@pytest.fixture
def table(pg):
    pg.sql('create table t (a int primary key, b text)')
    pg.publication()
    return pg


def slot_args(pg, *more):
    return [*pg.args, '-S', pg.slot, *more]


# ---- what needs no server ----

@pytest.mark.parametrize('option', ['--version', '-V'])
def test_version(relay, option):
    process = relay.run(option)
    assert process.code == 0
    assert re.fullmatch(rb'pg_fanout \d+\.\d+\.\d+\S*\n', process.output)
    assert not process.lines


@pytest.mark.parametrize('option', ['--help', '-?'])
def test_help(relay, option):
    process = relay.run(option)
    assert process.code == 0
    text = process.output.decode()
    for word in ('--create-slot', '--drop-slot', '--start', '--slot',
                 '--if-not-exists', '--endpos', '--startpos', '--no-loop',
                 '--status-interval', '--fsync-interval', '--file', '--option',
                 '--plugin', '--sink', '--config', '--check', '--print-proto',
                 '--print-config', '--enable-failover', '--two-phase'):
        assert re.search(rf'(?<![\w-]){word}(?![\w-])', text), word
    assert not [line for line in text.splitlines()
                if len(line) > 79 and not re.match(r'  pg_fanout | +\d+  ',
                                                   line)]


def test_exit_codes_are_in_help(relay):
    text = relay.run('--help').output.decode()
    for name, code in vars(Exit).items():
        if isinstance(code, int):
            assert re.search(rf'^ *{code}  \S', text, re.M), name


def test_print_config_is_a_config(relay, tmp_path):
    """As printed it changes nothing; with its defaults uncommented either."""
    first = relay.run('--print-config')
    assert first.code == 0
    path = tmp_path / 'c.conf'
    path.write_bytes(first.output)
    path.chmod(0o600)
    again = relay.run('--config', path, '--print-config')
    assert again.code == 0, again.stderr
    assert again.output == first.output
    lines, section = [], ''
    for line in first.output.decode().splitlines():
        if re.match(r'#?\[', line):
            section = line.lstrip('#')
            line = section if section == '[pg_fanout]' else line
        match = re.match(r'#([\w.-]+ = \S.*)', line)
        if match and section == '[pg_fanout]':
            line = match[1]
        lines.append(line)
    path.write_text('\n'.join(lines) + '\n')
    filled = relay.run('--config', path, '--print-config')
    assert filled.code == 0, filled.stderr


def test_print_config_sinks_are_valid(relay, pg, tmp_path):
    """Each sink's section, uncommented where it has a default."""
    text = relay.run('--print-config').output.decode()
    sections = re.split(r'^#?(?=\[)', text, flags=re.M)
    sinks = [part for part in sections if part.startswith('[sink')]
    assert len(sinks) >= 4
    for part in sinks:
        name, kind = re.match(r'\[sink ((?:my_(\w+)|with_[\w-]+))\]', part).groups()
        body = [line[1:] for line in part.splitlines()
                if re.match(r'#[\w.-]+ = \S', line)]
        url = {'file': f'file:{tmp_path}/x', 'null': 'null:',
               'kafka': 'kafka://mock', 's3': 's3://bucket/p',
               None: 'null:'}[kind]  # of a format
        body = [f'url = {url}'] + [x for x in body if not x.startswith('url ')]
        if name == 'with_avro':  # has no default to go by
            body.append('schema_registry = http://127.0.0.1:9')
        path = tmp_path / f'{name}.conf'
        path.write_text(f'[sink {name}]\n' + '\n'.join(body) + '\n')
        path.chmod(0o600)
        # as far as needing a slot: the sinks were accepted
        process = relay.run('--config', path, *pg.args, '-S', 'no_such',
                            '--start', '-n')
        assert process.code == Exit.SLOT_MISSING, process.stderr


def test_print_manual(relay):
    process = relay.run('--print-manual')
    assert process.code == 0
    assert re.match(rb'\.(TH|Dd)', process.output)
    assert b'PG_FANOUT 1' in process.output


@pytest.mark.parametrize('args, words', [
    ([], 'nothing to do'),
    (['--start', '-S', 's'], 'no database'),
    (['--start', '-d', 'd'], 'no slot'),
    (['--start', '-d', 'd', '-S', 's'], 'no sink'),
    (['--drop-slot', '--start', '-d', 'd', '-S', 's'], '--drop-slot'),
    (['what'], 'unexpected argument "what"'),
    (['-d'], '-d needs a value'),
    (['--start', '-d', 'd', '-S', 's', '-f', '-', '-w', '-W'], '-w and -W'),
    (['--start', '-d', 'd', '-S', 's', '-f', '-', '-P', 'wal2json'],
     'wal2json'),
    (['--start', '-d', 'd', '-S', 's', '-f', '-', '-E', 'xyz'], 'endpos'),
    (['--start', '-d', 'd', '-S', 's', '-f', '-', '-I', '1'], 'startpos'),
])
def test_usage(relay, args, words):
    process = relay.run(*args)
    assert process.code == Exit.USAGE
    assert words in process.stderr
    assert 'error: ' in process.stderr
    assert process.output == b''


# ---- slots ----

def test_create_and_drop(table, relay):
    process = relay.run(*slot_args(table, '--create-slot'))
    assert process.code == 0, process.stderr
    slot = table.slot_info()
    assert slot['plugin'] == 'pg_fanout' and not slot['two_phase']
    again = relay.run(*slot_args(table, '--create-slot'))
    assert again.code == Exit.USAGE
    assert 'already exists' in again.stderr
    assert '--if-not-exists' in again.stderr
    same = relay.run(*slot_args(table, '--create-slot', '--if-not-exists'))
    assert same.code == 0
    assert table.slot_info() == slot
    dropped = relay.run(*slot_args(table, '--drop-slot'))
    assert dropped.code == 0
    assert table.slot_info() is None
    missing = relay.run(*slot_args(table, '--drop-slot'))
    assert missing.code == Exit.SLOT_MISSING


def test_create_other_plugin(table, relay):
    process = relay.run(*slot_args(table, '--create-slot',
                                   '--plugin=test_decoding'))
    assert process.code == 0, process.stderr
    assert table.slot_info()['plugin'] == 'test_decoding'


def test_create_two_phase(table, relay):
    process = relay.run(*slot_args(table, '--create-slot', '-t'))
    assert process.code == 0
    assert table.slot_info()['two_phase']
    assert 'two-phase' in process.stderr


def test_create_failover(table, relay):
    process = relay.run(*slot_args(table, '--create-slot',
                                   '--enable-failover'))
    if table.version < 170000:
        assert process.code == Exit.USAGE
        assert '17' in process.stderr
        assert table.slot_info() is None
    else:
        assert process.code == 0
        assert table.slot_info()['failover']


def test_create_and_start(table, relay, tmp_path):
    out = tmp_path / 'out'
    process = relay(*slot_args(table, '--create-slot', '--if-not-exists',
                               '--start', '-o', 'publication_names=pub',
                               '-f', str(out), '-F', '100ms')).wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed()
    process.stop()
    assert operations(read_json(out)) == [('insert', 1)]


# ---- streaming ----

def test_endpos(table, relay):
    """Everything that committed up to the position, nothing behind it."""
    table.create_slot()
    table.sql('insert into t values (1)')
    end = table.wal_position()
    table.sql('insert into t values (2)')
    process = relay.run(*slot_args(
        table, '--start', '-o', 'publication_names=pub', '-f', '-', '-E',
        rig.lsn_text(end)))
    assert process.code == 0, process.stderr
    assert operations(parse_lines(process.output, 'stdout')) == [
        ('insert', 1)]
    assert table.confirmed() <= end
    # the rest is still there
    process = relay.run(*slot_args(
        table, '--start', '-o', 'publication_names=pub', '-f', '-',
        f'--endpos={rig.lsn_text(table.wal_position())}'))
    assert operations(parse_lines(process.output, 'stdout')) == [
        ('insert', 2)]


def test_endpos_without_changes(table, relay):
    """An end that only keepalives reach is reached."""
    table.create_slot()
    process = relay.run(*slot_args(
        table, '--start', '-o', 'publication_names=pub', '-f', '-', '-E',
        rig.lsn_text(table.wal_position())))
    assert process.code == 0
    assert process.output == b''


def test_startpos_behind_the_slot_changes_nothing(table, relay):
    table.create_slot()
    table.sql('insert into t values (1)')
    process = relay.run(*slot_args(
        table, '--start', '-o', 'publication_names=pub', '-f', '-', '-I',
        '0/1', '-E', rig.lsn_text(table.wal_position())))
    assert process.code == 0, process.stderr
    assert operations(parse_lines(process.output, 'stdout')) == [
        ('insert', 1)]


def test_startpos_beyond_the_slot(table, relay):
    """Skipping is refused, unless it is asked for."""
    table.create_slot()
    table.sql('insert into t values (1)')
    beyond = table.wal_position()
    before = table.confirmed()
    table.sql('insert into t values (2)')
    args = slot_args(table, '--start', '-o', 'publication_names=pub', '-f',
                     '-', '-I', rig.lsn_text(beyond), '-E',
                     rig.lsn_text(table.wal_position()))
    process = relay.run(*args)
    assert process.code == Exit.USAGE
    assert '--allow-gap' in process.stderr
    assert table.confirmed() == before
    process = relay.run(*args, '--allow-gap')
    assert process.code == 0, process.stderr
    assert operations(parse_lines(process.output, 'stdout')) == [
        ('insert', 2)]


def test_no_loop(table, relay):
    """Without -n the connection is made again, with it the relay ends."""
    table.create_slot()
    looping = relay.stream(table, 'null:')
    table.sql('select pg_terminate_backend(%s)', (table.walsender(),))
    looping.wait_streaming(after=len(looping.lines))
    looping.stop()
    once = relay.stream(table, 'null:', options=['-n'])
    table.sql('select pg_terminate_backend(%s)', (table.walsender(),))
    assert once.wait() == Exit.CONNECT
    assert 'terminat' in once.stderr


def test_verbose(table, relay):
    table.create_slot()
    process = relay.stream(table, 'null:', options=['-v'])
    table.sql("insert into t values (1, 'row contents')")
    table.wait_confirmed()
    process.stop()
    assert 'row contents' not in process.stderr


def test_status_interval(table, relay):
    """The server hears from us at the interval, not only when it asks."""
    table.create_slot()
    process = relay.stream(table, 'null:', options=['-s', '1'])
    seen = set()

    def told():
        seen.add(table.value('select reply_time from pg_stat_replication '
                             'where pid = %s', (table.walsender(),)))
        return len(seen - {None}) >= 3
    rig.wait_until(told, timeout=8, what='three status messages')
    process.stop()


def test_file_and_sync_interval(table, relay, tmp_path):
    """-F 0: durable at each commit, without waiting for an interval."""
    table.create_slot()
    out = tmp_path / 'out'
    process = relay(*slot_args(table, '--start', '-o',
                               'publication_names=pub', '--file', out,
                               '-F', '0', '-s', '1')).wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed(timeout=10)
    process.stop()
    assert operations(read_json(out)) == [('insert', 1)]


def test_plugin_option(table, relay):
    table.create_slot()
    process = relay.run(*slot_args(
        table, '--start', '-n', '-f', '-', '-o', 'no_such_option=1'))
    assert process.code == Exit.USAGE
    assert 'no_such_option' in process.stderr


# ---- looking ----

def test_print_proto(table, relay):
    process = relay.run(*table.args, '--print-proto', 'public.t',
                        '--print-proto', 'ledger_not_there')
    assert process.code != 0
    assert 'ledger_not_there' in process.stderr
    process = relay.run(*table.args, '--print-proto', 'public.t')
    assert process.code == 0, process.stderr
    text = process.output.decode()
    assert 'message Row {' in text
    assert re.search(r'optional sint32 a = 1', text)
    assert re.search(r'optional string b = 2', text)


def test_check(table, relay, tmp_path):
    table.create_slot()
    before = table.slot_info()
    process = relay.run(*slot_args(
        table, '--check', '-o', 'publication_names=pub', '--sink',
        f'file:{tmp_path}/out', '--sink', 'null:'))
    assert process.code == 0, process.output.decode() + process.stderr
    assert 'wal_level is logical' in process.output.decode()
    assert list(tmp_path.iterdir()) == [], 'a check leaves nothing behind'
    assert table.slot_info() == before


def test_check_spool(table, relay, tmp_path):
    """The spool's directory, and the disk below it."""
    table.create_slot()
    place = tmp_path / 'spool'

    def check(*options):
        return relay.run(*slot_args(
            table, '--check', '-o', 'publication_names=pub', '--sink', 'null:',
            '--spool', 'on', '--spool-backlog-directory', place, *options))

    process = check('--spool-backlog-limit', '1GB')
    assert process.code == 0, process.output.decode() + process.stderr
    assert "the spool's directory can be written" in process.output.decode()
    assert not place.exists(), 'a check leaves nothing behind'
    process = check('--spool-backlog-limit', '900000GB')
    assert process.code == 0, process.stderr
    assert 'the spool may take' in process.output.decode()
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    process = check()
    assert process.code != 0, process.output.decode()
    assert str(place) in process.output.decode()


def test_check_finds_faults(table, relay, tmp_path):
    """Each fault is printed with its remedy; the exit code is the first's."""
    process = relay.run(*slot_args(
        table, '--check', '-o', 'publication_names=no_such_pub', '--sink',
        f'file:{tmp_path}/none/out', '--sink', 'null:'))
    text = process.output.decode()
    assert process.code == Exit.SLOT_MISSING, text + process.stderr
    faults = re.findall(r'^FAIL  (.*)', text, re.M)
    for word in (table.slot, 'no_such_pub', f'{tmp_path}/none'):
        assert any(word in fault for fault in faults), text
    assert '--create-slot' in text
    # what is well is said too
    assert 'wal_level is logical' in text


def test_check_looks_at_real_sinks(table, relay, kafka, s3, tmp_path):
    table.create_slot()
    topics = kafka.topics()
    sinks = ['--sink', kafka.url, '--sink', s3.url(), '--sink',
             f'dir://{tmp_path}/lake']
    process = relay.run(*slot_args(
        table, '--check', '-o', 'publication_names=pub', *sinks), env=s3.env)
    assert process.code == 0, process.output.decode() + process.stderr
    assert s3.keys(hidden=True) == [], 'a check leaves nothing behind'
    assert kafka.topics() == topics
    assert not [path for path in tmp_path.rglob('*.*') if path.is_file()]
    wrong = relay.run(*slot_args(
        table, '--check', '-o', 'publication_names=pub', *sinks),
        env=dict(s3.env, AWS_SECRET_ACCESS_KEY='hunter22'))
    assert wrong.code == Exit.SINK_SETUP, wrong.output.decode()
    assert 'hunter22' not in wrong.output.decode() + wrong.stderr


def test_install(tmp_path):
    """make install puts every part where it belongs, below DESTDIR only."""
    config = os.environ.get('PG_CONFIG', 'pg_config')

    def place(what):
        return subprocess.run([config, what], check=True, text=True,
                              capture_output=True).stdout.strip()

    subprocess.run(['make', '-C', str(rig.TOP), 'install',
                    f'DESTDIR={tmp_path}'], check=True, capture_output=True)
    for path in (place('--pkglibdir') + '/pg_fanout.so',
                 place('--sharedir') + '/extension/pg_fanout.control',
                 place('--sharedir') + '/extension/pg_fanout--0.1.0.sql',
                 '/usr/local/bin/pg_fanout',
                 '/usr/local/share/man/man1/pg_fanout.1'):
        assert Path(f'{tmp_path}{path}').is_file(), path
    said = subprocess.run([f'{tmp_path}/usr/local/bin/pg_fanout', '--version'],
                          check=True, capture_output=True, text=True).stdout
    assert said == 'pg_fanout 0.1.0\n'
