"""mask.py: what varies from run to run, taken out of a record.

Times, LSNs, transaction ids and the run's id become a word in angle brackets,
but only where they have the form and the relations they should have: the
second half of source.sequence is source.lsn, ts_us is ts_ms in microseconds,
a transaction's id is made of its txId and lsn. What breaks such a relation
keeps its spelling, and so shows up as a difference. Transaction ids become
their number in order of appearance in the topic, so that records of one
transaction stay together.
"""
import re

from tree import Arr, Obj, Raw, render

RUN_ID = '__debezium.context.runId'
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
SEQUENCE = re.compile(r'"\[(null|\\"\d+\\"),\\"(\d+)\\"\]"')
MESSAGES = '$LogicalDecodingMessageId'
OBJECT_ID = re.compile(r'@[0-9a-f]+(?="$)')
TXN_ID = re.compile(r'"(\d+):(\d+)"')
# 2020 to 2100 in milliseconds
YEARS = range(1577836800000, 4102444800000)


class Numbers:
    """Gives transaction ids their numbers in order of appearance."""

    def __init__(self):
        self.seen = {}

    def __call__(self, number):
        return self.seen.setdefault(number, len(self.seen) + 1)


def integer(node):
    if isinstance(node, Raw) and re.fullmatch(r'-?\d+', node):
        return int(node)
    return None


def payload(tree):
    """The payload of a value with schema, else the value itself."""
    if isinstance(tree, Obj) and tree.names() == ['"schema"', '"payload"']:
        return tree.get('payload')
    return tree


def mask_times(block):
    """ts_ms, ts_us and ts_ns of one instant."""
    found = [integer(block.get(name)) for name in ('ts_ms', 'ts_us', 'ts_ns')]
    milli, micro, nano = found
    if milli is not None and milli in YEARS:
        block.replace('ts_ms', Raw('<ms>'))
    if milli is not None and micro is not None and micro // 1000 == milli:
        block.replace('ts_us', Raw('<us>'))
    if micro is not None and nano is not None and nano // 1000 == micro:
        block.replace('ts_ns', Raw('<ns>'))


def mask_source(source, numbers):
    """Returns "txId:lsn" as transaction.id has it."""
    txn, lsn = source.get('txId'), source.get('lsn')
    sequence = SEQUENCE.fullmatch(source.get('sequence') or '')
    if re.fullmatch(r'"[^"]+"', source.get('version') or ''):
        source.replace('version', Raw('<version>'))
    mask_times(source)
    if sequence and sequence[2] == lsn:
        first = 'null' if sequence[1] == 'null' else '<lsn>'
        source.replace('sequence', Raw(f'<[{first},lsn]>'))
    if integer(txn):
        source.replace('txId', Raw(f'<txn {numbers(txn)}>'))
    if integer(lsn):
        source.replace('lsn', Raw('<lsn>'))
    return f'{txn}:{lsn}'


def mask_collections(nodes):
    """That of logical messages is called by a Java object's address, and its
    place among the others depends on it."""
    names = [isinstance(node, Obj) and node.get('data_collection')
             for node in nodes]
    if not all(isinstance(name, Raw) for name in names) or \
            not any(MESSAGES in name for name in names):
        return
    for node, name in zip(nodes, names):
        node.replace('data_collection', Raw(OBJECT_ID.sub('', name)))
    nodes.sort(key=render)


def mask_txn_id(block, numbers):
    found = TXN_ID.fullmatch(block.get('id') or '')
    if found:
        block.replace('id', Raw(f'<txn {numbers(found[1])}:lsn>'))


def mask_value(tree, numbers):
    """Masks a value in place."""
    body = payload(tree)
    if not isinstance(body, Obj):
        return
    source, block = body.get('source'), body.get('transaction')
    own = None
    if isinstance(source, Obj):
        own = mask_source(source, numbers)
    if isinstance(block, Obj) and block.get('id') == f'"{own}"':
        block.replace('id', Raw('<txId:lsn>'))
    if body.get('status') is not None:
        mask_txn_id(body, numbers)
        if isinstance(body.get('data_collections'), Arr):
            mask_collections(body.get('data_collections'))
    mask_times(body)


def mask_key(tree, numbers):
    """The transaction topic's key is the only one that varies."""
    body = payload(tree)
    if isinstance(body, Obj) and body.names() == ['"id"']:
        mask_txn_id(body, numbers)


def mask_header(name, value):
    if name == RUN_ID and value is not None and UUID.fullmatch(value):
        return '<uuid>'
    return value
