"""compare.py: what two readers of the same changes wrote, record by record.

Reads the files of the relay's file sink (length-delimited protobuf, JSON
lines), puts records beside each other by their position, and names what
differs: by member in JSON, by field in protobuf, where the numbers of the rows'
fields become the names of their columns. The bytes are what is compared;
taking them apart only serves the words.
"""
import json
import re
import struct

CHANGE = {1: 'op', 2: 'before', 3: 'after', 4: 'unchanged', 5: 'lsn',
          6: 'before_is_key', 15: 'source'}
MESSAGE = {1: 'transactional', 2: 'lsn', 3: 'prefix', 4: 'content',
           5: 'xid', 6: 'subxid', 15: 'source'}
SOURCE = {1: 'db', 2: 'schema', 3: 'table', 4: 'commit_lsn', 5: 'seq',
          6: 'xid', 7: 'commit_time', 8: 'snapshot', 9: 'origin',
          10: 'version'}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """[(number, value)] of a message; bytes as bytes."""
    at, found = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = struct.unpack_from('<Q', data, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from('<I', data, at)[0], at + 4
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f'wire type {kind}')
        found.append((tag >> 3, value))
    return found


class Record:
    """One record: its bytes, where it belongs, and its parts by path."""

    def __init__(self, data, is_json):
        self.data = data
        self.is_json = is_json
        if is_json:
            self.parts = json.loads(data)
            high, low = self.parts['lsn'].split('/')
            self.lsn = int(high, 16) << 32 | int(low, 16)
            self.seq = self.parts['seq']
            self.table = (self.parts.get('schema'), self.parts.get('table'))
        else:
            source = dict(fields(dict(fields(data))[15]))
            self.lsn, self.seq = source.get(4, 0), source.get(5, 0)
            self.table = tuple(source[n].decode() if n in source else None
                               for n in (2, 3))

    @property
    def position(self):
        return self.lsn, self.seq

    def label(self):
        op = self.parts['op'] if self.is_json else \
            dict(fields(self.data)).get(1)
        op = {1: 'insert', 2: 'update', 3: 'delete', 4: 'truncate',
              5: 'read'}.get(op, op) if self.table[1] else 'message'
        return f'{"json" if self.is_json else "protobuf"} {op} ' + \
            '.'.join(part or '' for part in self.table)

    def paths(self, names):
        if self.is_json:
            return dict(json_paths(self.parts, ''))
        return dict(self.field_paths(names))

    def field_paths(self, names):
        known = CHANGE if self.table[1] else MESSAGE
        for number, value in fields(self.data):
            path = known.get(number, f'field {number}')
            if path == 'source':
                for inner, part in fields(value):
                    yield f'source.{SOURCE.get(inner, inner)}', part
            elif path in ('before', 'after'):
                yield path, ''
                for inner, part in fields(value):
                    name = names.get((*self.table, inner), inner)
                    yield f'{path}.{name}', part
            else:
                yield path, value


def json_paths(value, path):
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from json_paths(part, f'{path}.{name}' if path else name)
    else:
        yield path, json.dumps(value)


def read_json(path):
    with open(path, 'rb') as file:
        return [Record(line, True) for line in file.read().split(b'\n')[:-1]]


def read_protobuf(path):
    with open(path, 'rb') as file:
        data = file.read()
    at, records = 0, []
    while at < len(data):
        size, at = varint(data, at)
        records.append(Record(data[at:at + size], False))
        at += size
    return records


def shown(value):
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 100 else f'{text[:90]}... ({len(text)})'


def describe(one, other, sides, names):
    """Lines that say how two records differ, and the paths that do."""
    left, right = one.paths(names), other.paths(names)
    lines, paths = [], set()
    for path in [*left, *(p for p in right if p not in left)]:
        if left.get(path) != right.get(path):
            paths.add(path)
            for side, parts in zip(sides, (left, right)):
                lines.append(f'  {path}: {side} has ' + (
                    shown(parts[path]) if path in parts else 'none'))
    if not lines:
        lines = ['  the same members in other bytes or another order:',
                 *('    ' + shown(record.data.decode(errors='replace')
                                  if record.is_json else record.data)
                   for record in (one, other))]
        paths.add('order')
    return lines, paths


def unknown(one, other, names):
    """Paths that differ since the other's columns have numbers of no column:
    fields it has from 2048 up, and as many that it lacks."""
    left, right = one.paths(names), other.paths(names)
    more = [p for p in right if p not in left and
            re.fullmatch(r'(before|after)\.(20[4-9]\d|2[1-9]\d\d)', p)]
    less = [p for p in left if p not in right and '.' in p]
    if len(more) != len(less) or not more:
        return set()
    return {*more, *less, 'source.version'}


def difference(left, right, sides, names, allowed=()):
    """Lines about all that differs between two lists of records of one kind.
    A path in allowed may differ, and has to somewhere."""
    lines, seen = [], set()
    one = {record.position: record for record in left}
    other = {record.position: record for record in right}
    if [r.position for r in left] != sorted(one) or \
            [r.position for r in right] != sorted(other):
        lines.append('  records are doubled or out of order')
    for position in sorted({*one, *other}):
        where = f'{position[0] >> 32:X}/{position[0] & 0xffffffff:X} ' \
            f'record {position[1]}'
        if position not in one or position not in other:
            side = 0 if position in one else 1
            record = (one, other)[side][position]
            lines.append(f'{where}: {record.label()}: only {sides[side]} '
                         f'has it')
        elif one[position].data != other[position].data:
            more, paths = describe(one[position], other[position], sides,
                                   names)
            seen |= paths & set(allowed)
            if 'unknown' in allowed and not one[position].is_json:
                known = unknown(one[position], other[position], names)
                seen |= {'unknown'} if known else set()
                paths -= known
            if paths - set(allowed):
                lines += [f'{where}: {one[position].label()}', *more]
    return lines, seen
