"""selftest.py: the comparison's own tests, run before it judges anything.

The original's records are compared with themselves, which must find nothing,
and with copies that differ in one place, which must find every one: each
member and element that occurs is changed, left out, doubled, moved or spelled
in another way, in keys, values, headers, and in the order of the records.
A test takes the directory of the scenarios and raises AssertionError.
"""
import json
import re

from compare import Columns, Record, compare_topic
from exclusions import Exclusions
from mask import Numbers, mask_value
from options import sink_options
from tree import Arr, Obj, Raw, parse, render

# hstore and float4 columns of the scenarios, as the catalog would tell
COLUMNS = Columns(
    hstore={('ty', 't_all'): {'c_hstore', 'a_hstore'},
            ('ty', 'x_hstore'): {'v'}, ('tt', 'd'): {'hs'},
            ('tt', 'f'): {'hs'}},
    real={('ty', 't_all'): {'c_f4', 'a_f4'}, ('ty', 'x_f'): {'v4'}})
# topics whose records are changed place by place: all kinds of records, the
# schema of each once
MUTATED = (
    'd_keys/default.schema/golden_d.k.idx',
    'a_customer_default/p4.plain/golden_a.burst_bank.customer',
    'b_types/default.plain/golden_b.ty.t_all',
    'b_types/default.plain/golden_b.ty.x_f',
    'b_types/micro_misc.plain/golden_b.ty.x_hstore',
    'b_types/string_connect.plain/golden_b.ty.x_key',
    'd_keys/default.plain/golden_d.My_Schema.Weird_Table',
    'e_txmeta/default.plain/golden_e.e.t1',
    'e_txmeta/default.schema/golden_e.transaction',
    'f_messages/txmeta.schema/golden_f.message',
    'h_tombstones/on.plain/golden_h.burst_bank.customer')


def tests():
    return [(name[5:], function) for name, function in globals().items()
            if name.startswith('test_')]


def read(directory, test):
    records = []
    for line in (directory / f'{test}.jsonl').open():
        r = json.loads(line)
        records.append(Record(r['partition'], r['key'], r['value'],
                              r['headers']))
    return records


def differs(topic, golden, ours):
    return bool(compare_topic(topic, golden, ours, COLUMNS))


# ---- trees ----

def places(node, path=()):
    """Paths of all nodes below and with this one: a path is made of the
    members' and elements' indexes."""
    yield path
    if isinstance(node, Obj):
        for i, (_, child) in enumerate(node):
            yield from places(child, path + (i,))
    elif isinstance(node, Arr):
        for i, child in enumerate(node):
            yield from places(child, path + (i,))


def named(node, path):
    """The path with members' names and elements without numbers."""
    words = []
    for i in path:
        if isinstance(node, Obj):
            words.append(node[i][0])
            node = node[i][1]
        else:
            words.append('[]')
            node = node[i]
    return tuple(words)


def replaced(node, path, change):
    """A copy of the tree in which the node at path is change(node)."""
    if not path:
        return change(node)
    copy = type(node)(node)
    child = copy[path[0]]
    if isinstance(node, Obj):
        copy[path[0]] = (child[0], replaced(child[1], path[1:], change))
    else:
        copy[path[0]] = replaced(child, path[1:], change)
    return copy


def other_scalars(raw):
    """Spellings that must not pass for this one."""
    if raw.startswith('"'):
        yield Raw(raw[:-1] + 'x"')
        yield Raw('null')
        if raw[1:2].isascii() and raw[1:2].isalpha():
            yield Raw(f'"\\u{ord(raw[1]):04x}{raw[2:]}')
    elif raw in ('null', 'true', 'false'):
        yield Raw('false' if raw == 'true' else 'true')
        yield Raw(f'"{raw}"')
    else:
        yield Raw('-' + raw if not raw.startswith('-') else raw[1:])
        yield Raw(f'"{raw}"')
        yield Raw('null')
        if '.' not in raw:
            yield Raw(raw + '.0')


def others(node):
    """What may not pass for this node."""
    if isinstance(node, Raw):
        yield from other_scalars(node)
        return
    yield Raw('null')
    if node:
        yield type(node)(node[1:])
        yield type(node)(node + [node[-1]])
    elif isinstance(node, Arr):
        yield from (Obj(), Arr([Raw('1')]))
    else:
        yield from (Arr(), Obj([('"x"', Raw('1'))]))
    if len(node) > 1 and node[0] != node[1]:
        yield type(node)([node[1], node[0], *node[2:]])


def unordered(words):
    """Members of a map (hstore as a map) may stand in any order."""
    return len(words) > 1 and words[-1] in ('"v"', '"c_hstore"', '"hs"')


def mutations(text, without=()):
    """Texts that differ from this one at each of its places."""
    tree = parse(text)
    for path in places(tree):
        words = named(tree, path)
        if words in without:
            continue
        at = tree
        for i in path:
            at = at[i][1] if isinstance(at, Obj) else at[i]
        for other in others(at):
            if isinstance(at, Obj) and unordered(words) and \
                    sorted(at) == sorted(other):
                continue
            yield words, render(replaced(tree, path, lambda _, o=other: o))
    yield ('blank',), text.replace(':', ': ', 1)
    yield ('end',), text + ' '


# ---- tests ----

def test_tree(directory):
    for text in ('{}', '[]', '{"a":[1,{"b":"\\u00e9\\"{"}],"c":-0.0}', '1e5'):
        assert render(parse(text)) == text, text
    for text in ('', '{', '[1,]', '{"a" :1}', '[1] ', '{"a":1,}', '[1 ,2]',
                 '{1:2}', '"a', '[1]]'):
        try:
            parse(text)
        except ValueError:
            continue
        raise AssertionError(f'{text!r} was taken')


def test_same(directory):
    count = 0
    for path in sorted(directory.glob('*/*/*.jsonl')):
        test = path.relative_to(directory).with_suffix('').as_posix()
        records = read(directory, test)
        found = compare_topic(path.stem, records, read(directory, test),
                              COLUMNS)
        assert not found, f'{test} differs from itself: {found[0]}'
        count += len(records)
    assert count > 1000, f'only {count} records'


def test_other_run(directory):
    """Other times, LSNs and transaction ids pass."""
    test = 'e_txmeta/default.plain/golden_e.'
    for topic in ('e.t1', 'transaction', 'message'):
        golden = read(directory, test + topic)
        ours = [later(record) for record in read(directory, test + topic)]
        found = compare_topic(topic, golden, ours)
        assert not found, found[0]


def later(record):
    """The same as a later run would have it."""
    def text(old):
        if old is None:
            return None
        # LSNs and transaction ids have nine and four digits here
        new = re.sub(r'(?<!\d)(20\d{7}|18\d\d)(?!\d)',
                     lambda m: str(int(m[0]) + 1_000_000_007), old)
        new = re.sub(r'(?<=_ms":)(\d{13})', lambda m: str(int(m[0]) + 5), new)
        new = re.sub(r'(?<=_us":)(\d{13})', lambda m: str(int(m[0]) + 5), new)
        return re.sub(r'(?<=_ns":)(\d{13})', lambda m: str(int(m[0]) + 5), new)
    headers = [[name, 'a' * 8 + '-b000-c000-d000-' + 'e' * 12
                if name.endswith('runId') else value]
               for name, value in record.headers]
    return record.copy(key=text(record.key), value=text(record.value),
                       headers=headers)


# a change there makes another, as valid value of what varies
FREE = re.compile(r'"version"|"id"|"(ts_ms|txId|lsn)"')


def is_free(words, text, mutated):
    """Whether a mutation only made another value of what varies."""
    if not FREE.fullmatch(words[-1]):
        return False
    trees = parse(text), parse(mutated)
    for tree in trees:
        mask_value(tree, Numbers())
    return render(trees[0]) == render(trees[1])


def test_mutated_values(directory):
    count = 0
    for test in MUTATED:
        seen = set()
        for i, record in enumerate(read(directory, test)):
            if record.value is None:
                continue
            mutated = list(mutations(record.value, seen))
            for words, text in mutated:
                if not differs(test, [record], [record.copy(value=text)]):
                    assert is_free(words, record.value, text), \
                        f'{test} record {i}: {words} passed: {text[:2000]}'
            count += len(mutated)
            seen |= {words for words, _ in mutated}
    assert count > 2000, f'only {count} mutations'


def test_mutated_keys(directory):
    for test in MUTATED:
        for record in read(directory, test):
            if record.key is None:
                ours = record.copy(key='{}')
                assert differs(test, [record], [ours]), test
                continue
            for words, text in mutations(record.key):
                ours = record.copy(key=text)
                assert differs(test, [record], [ours]), \
                    f'{test}: key {words} passed: {text}'
            assert differs(test, [record], [record.copy(key=None)]), test


def test_mutated_headers(directory):
    for test in MUTATED:
        for record in read(directory, test):
            headers = record.headers
            wrong = [headers + [['x', 'y']]]
            for i, (name, value) in enumerate(headers):
                rest = headers[:i], headers[i + 1:]
                wrong += [rest[0] + rest[1],
                          rest[0] + [[name, (value or '') + 'x']] + rest[1],
                          rest[0] + [[name, None]] + rest[1],
                          rest[0] + [[name + 'x', value]] + rest[1],
                          rest[1] + [[name, value]] + rest[0]]
            for changed in wrong:
                if changed != headers:
                    assert differs(test, [record],
                                   [record.copy(headers=changed)]), \
                        f'{test}: headers {changed} passed'


def test_mutated_order(directory):
    """Records missing, doubled, exchanged, or in another partition."""
    for test in MUTATED:
        records = read(directory, test)
        for i, record in enumerate(records):
            before, after = records[:i], records[i + 1:]
            wrong = [before + after, before + [record, record] + after,
                     before + [record.copy(value='' if record.value is None
                                           else None)] + after]
            if record.key is not None:
                wrong.append(before + [record.copy(
                    partition=(record.partition + 1) % 4)] + after)
            if after and after[0].partition == record.partition and \
                    after[0].key is not None and record.key is not None:
                wrong.append(before + [after[0], record] + after[1:])
            for changed in wrong:
                assert differs(test, records, changed), \
                    f'{test}: record {i} was changed and passed'


def test_mixed_transactions(directory):
    """Records of two transactions do not pass for those of one."""
    test = 'e_txmeta/default.plain/golden_e.e.t1'
    golden, ours = read(directory, test), read(directory, test)
    lsn = re.search(r'"lsn":(\d+)', ours[2].value)[1]
    ours[2].value = ours[2].value.replace('"txId":1815', '"txId":1814') \
        .replace(f'1815:{lsn}', f'1814:{lsn}')
    assert differs('t1', golden, ours)


def test_heartbeats(directory):
    test = 'g_heartbeat/default.plain/__debezium-heartbeat.golden_g'
    topic = test.split('/')[2]
    golden = read(directory, test)
    assert not differs(topic, golden, golden[3:5])
    assert differs(topic, golden, golden[:1])
    assert differs(topic, golden, golden[:3] + [golden[3].copy(key='{}')])


def test_floats_and_maps(directory):
    source = '"source":{"schema":"ty","table":"t_all"}'

    def row(members):
        return [Record(0, None, f'{{"after":{{{members}}},{source}}}', [])]
    for golden, ours, same in (
            ('"x":1.0E10', '"x":10000000000.0', True),
            ('"x":4.9E-324', '"x":5E-324', True),
            ('"x":1.0', '"x":1', False), ('"x":-0.0', '"x":0.0', False),
            ('"x":10', '"x":1.0E1', False), ('"x":[[]]', '"x":[{}]', False),
            ('"x":1.0', '"x":1.1', False),
            ('"x":3.4028235E38', '"x":3.4028234E38', False),
            ('"c_f4":3.4028235E38', '"c_f4":3.4028234663852886E38', True),
            ('"c_hstore":"{\\"a\\":null,\\"b\\":\\"1\\"}"',
             '"c_hstore":"{\\"b\\":\\"1\\",\\"a\\":null}"', True),
            ('"c_hstore":"{\\"a\\":null}"', '"c_hstore":"{\\"a\\":\\"\\"}"',
             False),
            ('"c_json":"{\\"a\\":1,\\"b\\":2}"',
             '"c_json":"{\\"b\\":2,\\"a\\":1}"', False),
            ('"c_hstore":{"a":null,"b":"1"}', '"c_hstore":{"b":"1","a":null}',
             True),
            ('"c_json":{"a":null,"b":"1"}', '"c_json":{"b":"1","a":null}',
             False)):
        assert differs('t', row(golden), row(ours)) is not same, \
            f'{golden} and {ours}'


def test_exclusions(directory):
    listed = Exclusions('[one]\nwhere = s/*/t\npath = value.after.x*\n'
                        'golden = "@\\d+"\nours = "y"\nreason = a fault\n')
    source = '"source":{"schema":"a","table":"b"}'

    def rows(x):
        return [Record(0, None, f'{{"after":{{"x":["{x}"]}},{source}}}', [])]

    def left(test, ours):
        return listed.remaining(test, 'pg_fanout', compare_topic(
            't', rows('@12'), rows(ours)))
    assert not listed.unused(), 'nothing was compared yet'
    assert left('s/v/u', 'y'), 'another topic'
    assert not listed.unused()
    assert left('s/v/t', 'z'), 'another value of ours'
    assert listed.unused(), 'it matched nothing'
    assert not left('s/v/t', 'y')
    assert not listed.unused()


def test_options(directory):
    count = 0
    for path in directory.glob('*/*/connector.json'):
        assert 'schemas_enable' in sink_options(json.loads(path.read_text()))
        count += 1
    assert count > 20
    try:
        sink_options({'no.such.option': '1'})
    except ValueError:
        return
    raise AssertionError('an unknown option was taken')
