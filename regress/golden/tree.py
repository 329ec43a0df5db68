"""tree.py: JSON with nothing lost: order of members and spelling kept.

parse() makes a tree of Obj, Arr and Raw (a scalar as it is spelled) from
compact JSON text; blanks between tokens are an error, since a converter that
writes none is what is compared. Knows nothing of records.
"""
import re

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[][{},:]',
                   re.S)


class Raw(str):
    """A scalar, spelled as it stands: '"a"', '1.0', 'null'."""
    __slots__ = ()


class Arr(list):
    """An array of nodes."""


class Obj(list):
    """Members in order: [(name, node)]; name is spelled with its quotes."""

    def names(self):
        return [name for name, _ in self]

    def get(self, name):
        """The member called name (without quotes), or None."""
        quoted = f'"{name}"'
        for own, node in self:
            if own == quoted:
                return node
        return None

    def replace(self, name, node):
        quoted = f'"{name}"'
        for i, (own, _) in enumerate(self):
            if own == quoted:
                self[i] = (own, node)


def tokens(text):
    place = 0
    found = []
    for match in TOKEN.finditer(text):
        if match.start() != place:
            break
        found.append(match[0])
        place = match.end()
    if place != len(text):
        raise ValueError(f'no compact JSON at {place}: '
                         f'{text[place:place + 20]!r}')
    return found


def parse(text):
    """The tree of a JSON text; ValueError if it is none, or not compact."""
    parts = tokens(text) + ['', '']
    node, at = parse_node(parts, 0)
    if parts[at]:
        raise ValueError(f'JSON goes on with {parts[at]!r}')
    return node


def parse_node(parts, at):
    token = parts[at]
    if token == '{':
        return parse_object(parts, at + 1)
    if token == '[':
        return parse_array(parts, at + 1)
    if token in ('', ']', '}', ',', ':'):
        raise ValueError(f'a value is missing before {token!r}')
    return Raw(token), at + 1


def parse_object(parts, at):
    members = Obj()
    if parts[at] == '}':
        return members, at + 1
    while True:
        name = parts[at]
        if not name.startswith('"') or parts[at + 1] != ':':
            raise ValueError(f'no member: {name!r}')
        node, at = parse_node(parts, at + 2)
        members.append((name, node))
        if parts[at] == '}':
            return members, at + 1
        if parts[at] != ',':
            raise ValueError(f'no comma: {parts[at]!r}')
        at += 1


def parse_array(parts, at):
    nodes = Arr()
    if parts[at] == ']':
        return nodes, at + 1
    while True:
        node, at = parse_node(parts, at)
        nodes.append(node)
        if parts[at] == ']':
            return nodes, at + 1
        if parts[at] != ',':
            raise ValueError(f'no comma: {parts[at]!r}')
        at += 1


def render(node):
    """The text that parse() made the tree from."""
    if isinstance(node, Obj):
        return '{' + ','.join(f'{name}:{render(child)}'
                              for name, child in node) + '}'
    if isinstance(node, Arr):
        return '[' + ','.join(map(render, node)) + ']'
    return str(node)
