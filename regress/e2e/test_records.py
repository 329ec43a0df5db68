"""test_records.py: the checker of all tests about loss sees what is wrong."""
import copy

import pytest

import rig
from records import Ledger, digest


class Source:
    """A database that only has to be written into."""

    def sql(self, text, parameters=None):
        return []

    def publication(self, tables):
        pass


def transaction(position, writer, numbers):
    """Records of one, with its tally, as a sink has them."""
    records = []
    for n in numbers:
        payload = f'{writer}.{n}.x'
        records.append(dict(table='ledger', op='insert', after=dict(
            writer=writer, n=n, payload=payload, hash=digest(payload))))
    records.append(dict(table='tally', op='update', after=dict(
        writer=writer, n=numbers[-1], took=len(numbers))))
    for seq, record in enumerate(records, 1):
        record.update(lsn=rig.lsn_text(position), seq=seq)
    return records


@pytest.fixture
def good():
    return [*transaction(100, 1, [1, 2]), *transaction(200, 2, [1]),
            *transaction(300, 1, [3, 4, 5])]


def examine(records):
    ledger = Ledger(Source(), tally=True)
    source = {(w, n): digest(f'{w}.{n}.x')
              for w, n in [(1, 1), (1, 2), (2, 1), (1, 3), (1, 4), (1, 5)]}
    return ledger.examine(copy.deepcopy(records), source)


def test_checker_is_content(good):
    findings = examine(good)
    assert findings.problems == []
    assert (findings.records, findings.transactions) == (9, 3)
    again = examine(good + good[3:])
    assert again.problems == [] and again.repeats == 6


def damage(record, **what):
    record['after'].update(what)


@pytest.mark.parametrize('fault', [
    lambda r: r.pop(1), lambda r: r.pop(5), lambda r: r.pop(-1),
    lambda r: r.pop(2), lambda r: r.insert(0, r.pop()),
    lambda r: r.insert(3, r.pop(0)), lambda r: damage(r[0], payload='other'),
    lambda r: damage(r[0], n=7), lambda r: damage(r[2], took=3),
    lambda r: damage(r[-1], n=4), lambda r: r[0].update(op='update'),
    lambda r: r.extend(transaction(400, 1, [6])),
    lambda r: r.extend(transaction(400, 1, [5])),
    lambda r: r.__delitem__(slice(3, 5)),
    lambda r: r.append(dict(copy.deepcopy(r[0]), op='delete')),
])
def test_checker_sees(good, fault):
    fault(good)
    assert examine(good).problems


def test_partitions_are_in_order_each(good):
    """Records of two partitions come one partition after the other."""
    for record in good:
        record['_partition'] = record['table']
    good.sort(key=lambda record: record['table'])
    assert examine(good).problems == []
    good[0], good[1] = good[1], good[0]
    assert examine(good).disorder == 1
