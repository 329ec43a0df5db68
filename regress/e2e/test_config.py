"""test_config.py: a relay run from its configuration file."""
import pytest

from records import operations, read_directory, read_json


@pytest.fixture
def table(pg):
    pg.sql('create table t (a int primary key)')
    pg.publication()
    pg.create_slot()
    return pg


def write(tmp_path, pg, text):
    path = tmp_path / 'fan.conf'
    path.write_text(f"""# what a service would run with
[pg_fanout]
dbname = {pg.dbname}
host = '{pg.host}'   ; quoted, with a comment behind
port = {pg.port}
username = {pg.user}
slot = {pg.slot}
option = publication_names=pub
start = on
status_interval = 1s

{text}""")
    path.chmod(0o600)
    return path


def test_sinks_from_sections(table, relay, tmp_path):
    path = write(tmp_path, table, f"""
[sink out]
url = file:{tmp_path}/out.jsonl?sync_interval=100ms

[sink lake]
url = dir://{tmp_path}/lake
topic = {{table}}.of.{{sink}}
flush_interval = 1s
""")
    process = relay('--config', path).wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed()
    process.stop()
    assert operations(read_json(tmp_path / 'out.jsonl')) == [('insert', 1)]
    assert operations(read_directory(tmp_path / 'lake')) == [('insert', 1)]


def test_command_line_wins(table, relay, tmp_path):
    """An option of both is the command line's; sinks of both add up."""
    path = write(tmp_path, table, f'[sink out]\nurl = file:{tmp_path}/a?sync_interval=100ms\n')
    path.write_text(path.read_text().replace(f'slot = {table.slot}',
                                             'slot = another'))
    process = relay('--config', path, '-S', table.slot, '--sink',
                    f'more=file:{tmp_path}/b?sync_interval=100ms').wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed()
    process.stop()
    for name in 'ab':
        assert operations(read_json(tmp_path / name)) == [('insert', 1)]


def test_long_lines(table, relay, tmp_path):
    """Nothing is cut, however long the line."""
    topic = 'x' * 200
    path = write(tmp_path, table, '# ' + 'long ' * 2000 + f"""
[sink lake]
url = dir://{tmp_path}/lake?flush_interval=1s
topic = {topic}
""")
    process = relay('--config', path).wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed()
    process.stop()
    assert any(topic in p.name or topic in p.parts
               for p in (tmp_path / 'lake').rglob('*'))


def test_names_stay(table, relay, tmp_path):
    """A sink that is added later begins where the slot stands."""
    first = f'[sink a]\nurl = file:{tmp_path}/a?sync_interval=100ms\n'
    process = relay('--config', write(tmp_path, table, first)).wait_streaming()
    table.sql('insert into t values (1)')
    table.wait_confirmed()
    process.stop()
    both = first + f'[sink b]\nurl = file:{tmp_path}/b?sync_interval=100ms\n'
    process = relay('--config', write(tmp_path, table, both)).wait_streaming()
    table.sql('insert into t values (2)')
    table.wait_confirmed()
    process.stop()
    assert 'new' in process.stderr
    assert operations(read_json(tmp_path / 'a')) == [('insert', 1),
                                                     ('insert', 2)]
    assert operations(read_json(tmp_path / 'b')) == [('insert', 2)]
