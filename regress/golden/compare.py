"""compare.py: two records, or the records of two topics, and what differs.

Everything is compared as it is spelled, but for floats (by value, with their
sign) and the members of hstore columns (as a set). A difference has a path,
"value.after.c_num" or "value.schema.after.c_num.type", and both spellings.
Knows neither servers nor exclusions.
"""
import difflib
import functools
import json
import math
import re
import struct
from collections import defaultdict, namedtuple

from mask import Numbers, mask_header, mask_key, mask_value, payload
from tree import Arr, Obj, Raw, parse, render

Difference = namedtuple('Difference', 'path golden ours place')
NOTHING = '(nothing)'
FLOAT = re.compile(r'-?\d+(\.\d+)?([eE][-+]?\d+)?')
HEARTBEAT = '__debezium-heartbeat.'


class Record:
    """Key, value: text or None; headers: [[name, text]]."""
    __slots__ = ('partition', 'key', 'value', 'headers')

    def __init__(self, partition, key, value, headers):
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers

    def copy(self, **changed):
        fields = {name: getattr(self, name) for name in self.__slots__}
        return Record(**{**fields, **changed})


class Columns:
    """Columns whose values are not compared by spelling: {(schema, table):
    names}."""

    def __init__(self, hstore=None, real=None):
        self.hstore = hstore or {}
        self.real = real or {}

    def of(self, tree):
        body = payload(tree)
        source = body.get('source') if isinstance(body, Obj) else None
        if not isinstance(source, Obj):
            return set(), set()
        table = tuple(json.loads(source.get(name) or '""')
                      for name in ('schema', 'table'))
        return self.hstore.get(table, set()), self.real.get(table, set())


# ---- scalars ----

def same_float(golden, ours, single):
    """Both are written as floats and mean the same number."""
    if not (FLOAT.fullmatch(golden) and FLOAT.fullmatch(ours)):
        return False
    if golden.lstrip('-').isdigit() or ours.lstrip('-').isdigit():
        return False
    a, b = float(golden), float(ours)
    if math.copysign(1, a) != math.copysign(1, b):
        return False
    if single:
        return struct.pack('f', a) == struct.pack('f', b)
    return a == b


def same_map(golden, ours):
    """Both are strings that hold JSON objects with the same members."""
    try:
        a, b = (json.loads(json.loads(text)) for text in (golden, ours))
    except (ValueError, TypeError):
        return False
    return isinstance(a, dict) and a == b


# ---- trees ----

def label(nodes, i):
    """A schema's fields are called by their names, other elements counted."""
    name = nodes[i].get('field') if isinstance(nodes[i], Obj) else None
    return f'.{name[1:-1]}' if name else f'[{i}]'


def labels(nodes):
    return [label(nodes, i) for i in range(len(nodes))]


def member_text(node):
    """A short object as it is, of a long one the members' names."""
    text = render(node)
    return text if len(text) <= 100 else ' '.join(node.names())


class Trees:
    """Compares two trees; the differences are in .found."""

    def __init__(self, place, sets=(), singles=()):
        self.found = []
        self.place = place
        self.sets = sets
        self.singles = singles

    def differ(self, path, golden, ours):
        self.found.append(Difference(path, golden, ours, self.place))

    def is_column(self, path, names):
        found = re.match(r'value\.(?:before|after)\.([^\[]*)', path)
        return bool(found) and found[1] in names

    def compare(self, path, golden, ours):
        if golden is ours:
            return
        if type(golden) is not type(ours):
            self.differ(path, render(golden), render(ours))
        elif isinstance(golden, Obj):
            self.compare_objects(path, golden, ours)
        elif isinstance(golden, Arr):
            self.compare_arrays(path, golden, ours)
        elif golden != ours and not self.same_scalar(path, golden, ours):
            self.differ(path, golden, ours)

    def same_scalar(self, path, golden, ours):
        if same_float(golden, ours, self.is_column(path, self.singles)):
            return True
        return self.is_column(path, self.sets) and same_map(golden, ours)

    def compare_objects(self, path, golden, ours):
        if self.is_column(path, self.sets):
            golden, ours = Obj(sorted(golden)), Obj(sorted(ours))
        if golden.names() != ours.names():
            self.differ(path + '{}', member_text(golden), member_text(ours))
        mine = dict(ours)
        for name, node in golden:
            if name in mine:
                self.compare(f'{path}.{name[1:-1]}', node, mine[name])

    def compare_arrays(self, path, golden, ours):
        theirs, mine = labels(golden), labels(ours)
        if path.endswith('.fields'):
            path = path[:-len('.fields')]
        if theirs != mine:
            self.differ(path + '[]', ' '.join(theirs), ' '.join(mine))
        nodes = dict(zip(mine, ours))
        for name, node in zip(theirs, golden):
            if name in nodes:
                self.compare(path + name, node, nodes[name])


# ---- records ----

@functools.lru_cache(maxsize=256)
def parsed_schema(text):
    return parse(text)


def parsed(text):
    """The tree of a text, or the text if it is no compact JSON. A schema is
    the same for many records: it is shared, and nobody changes it."""
    if text is None:
        return Raw('(null)')
    try:
        head, behind, body = text.partition(',"payload":')
        if behind and head.startswith('{"schema":') and body.endswith('}'):
            return Obj([('"schema"', parsed_schema(head[len('{"schema":'):])),
                        ('"payload"', parse(body[:-1]))])
        return parse(text)
    except ValueError:
        return Raw(text)


def without_payload(tree):
    """A value with schema: both parts as members of one path."""
    if isinstance(tree, Obj) and tree.names() == ['"schema"', '"payload"']:
        return tree.get('schema'), tree.get('payload')
    return None, tree


def compare_part(trees, name, golden, ours):
    """A key or a value: the payload is called by the part's name alone."""
    theirs, mine = without_payload(golden), without_payload(ours)
    if (theirs[0] is None) != (mine[0] is None):
        trees.differ(f'{name}.schema', *(
            NOTHING if part[0] is None else 'a schema'
            for part in (theirs, mine)))
    elif theirs[0] is not None:
        trees.compare(f'{name}.schema', theirs[0], mine[0])
    trees.compare(name, theirs[1], mine[1])


def header_text(headers):
    return ' '.join(name for name, _ in headers)


def compare_headers(trees, golden, ours):
    if header_text(golden) != header_text(ours):
        trees.differ('headers', header_text(golden), header_text(ours))
    mine = dict(ours)
    for name, value in golden:
        if name in mine:
            theirs, own = (str(mask_header(name, text))
                           for text in (value, mine[name]))
            if theirs != own:
                trees.differ(f'headers.{name}', theirs, own)


class Comparison:
    """Records of one topic, in order; what differs."""

    def __init__(self, columns=None):
        self.columns = columns or Columns()
        self.golden_numbers = Numbers()
        self.our_numbers = Numbers()

    def prepare(self, record, numbers):
        key, value = parsed(record.key), parsed(record.value)
        mask_key(key, numbers)
        columns = self.columns.of(value)
        mask_value(value, numbers)
        return key, value, columns

    def record(self, golden, ours, place):
        key, value, columns = self.prepare(golden, self.golden_numbers)
        own_key, own_value, _ = self.prepare(ours, self.our_numbers)
        trees = Trees(place, *columns)
        if golden.key is not None and golden.partition != ours.partition:
            trees.differ('partition', str(golden.partition),
                         str(ours.partition))
        compare_headers(trees, golden.headers, ours.headers)
        compare_part(trees, 'key', key, own_key)
        compare_part(trees, 'value', value, own_value)
        return trees.found

    def records(self, golden, ours, where=''):
        """Both lists in the order of the topic."""
        found = []
        for tag, a, b in align(golden, ours):
            place = f'{where}record {a if a is not None else b}'
            if tag == 'both':
                found += self.record(golden[a], ours[b], place)
            elif tag == 'golden':
                found.append(Difference('record', brief(golden[a]), NOTHING,
                                        place))
            else:
                found.append(Difference('record', NOTHING, brief(ours[b]),
                                        place))
        return found


def brief(record):
    return f'key {record.key} value {record.value}'


def signature(record):
    """What two records must share to be compared with each other."""
    ops = re.findall(r'"(?:op|status)":"(\w+)"', record.value or '')
    key = record.key
    if key is not None:
        key = re.sub(r'"\d+:\d+"', '"txn"', payload_text(key))
    return key, ops[-1] if ops else None, record.value is None


def payload_text(text):
    return text[text.rfind('"payload":'):] if '"payload":' in text else text


def align(golden, ours):
    """Pairs of records; those without partner stand alone."""
    if len(golden) == len(ours):
        return [('both', i, i) for i in range(len(golden))]
    matcher = difflib.SequenceMatcher(
        None, list(map(signature, golden)), list(map(signature, ours)),
        autojunk=False)
    pairs = []
    for tag, a, a_end, b, b_end in matcher.get_opcodes():
        common = min(a_end - a, b_end - b)
        pairs += [('both', a + i, b + i) for i in range(common)]
        pairs += [('golden', i, None) for i in range(a + common, a_end)]
        pairs += [('ours', None, i) for i in range(b + common, b_end)]
    return pairs


def by_partition(records):
    """{partition: records with key}, and None: those without, in order."""
    parts = defaultdict(list)
    for record in records:
        parts[None if record.key is None else record.partition].append(record)
    return parts


def compare_heartbeats(comparison, golden, ours):
    """There may be any number of them, but for fewer than two."""
    if len(ours) < 2:
        return [Difference('record', f'{len(golden)} records',
                           f'{len(ours)} records', 'the topic')]
    found = []
    for i, record in enumerate(ours):
        found += comparison.record(golden[0], record, f'record {i}')
    return found


def compare_topic(topic, golden, ours, columns=None):
    """All differences between the records of a topic and ours."""
    comparison = Comparison(columns)
    if topic.startswith(HEARTBEAT):
        return compare_heartbeats(comparison, golden, ours)
    if {r.partition for r in golden + ours} <= {0}:
        return comparison.records(golden, ours)
    found = []
    theirs, mine = by_partition(golden), by_partition(ours)
    for part in sorted(theirs.keys() | mine.keys(),
                       key=lambda p: -1 if p is None else p):
        where = 'without key: ' if part is None else f'partition {part}: '
        found += Comparison(columns).records(theirs[part], mine[part], where)
    return found
