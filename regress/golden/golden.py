#!/usr/bin/env python3
"""golden.py: records of the original against ours.

	golden.py [DIR] [-s SOURCE,...] [-k WORD] [-j N] [-v]

DIR holds scenarios (or is one): setup.sql, scenario.sql and, for each variant,
VARIANT.plain and VARIANT.schema with connector.json and TOPIC.jsonl; without
it, those of golden.tar.xz, and the tests of the comparison itself. SOURCE is an
output plugin; -k runs only scenarios whose name holds WORD; -v shows every difference. DIR/exclusions.ini, if there is one,
takes the place of ours. Prints "ok NAME" or "not ok NAME" for each topic, with
the differences below it; the last line is "N passed, N failed".
"""
import argparse
import json
import os
import sys
import tarfile
import tempfile
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import selftest  # noqa: E402
from compare import NOTHING, Record, compare_topic  # noqa: E402
from exclusions import Exclusions  # noqa: E402

SOURCES = 'pg_fanout,pgoutput'
SHOWN = 9
WIDTH = 300


class Variant:
    """What the original wrote with one configuration."""

    def __init__(self, directory):
        self.name = directory.name
        self.directory = directory
        self.connector = json.loads(
            (directory / 'connector.json').read_text())
        self.prefix = self.connector['topic.prefix']
        self.publication = self.connector.get('publication.name',
                                              'dbz_publication')
        self.has_snapshot = self.connector.get('snapshot.mode') == 'initial'

    def topic_names(self):
        return sorted(path.stem for path in self.directory.glob('*.jsonl'))

    def topics(self):
        """{topic: records}"""
        found = {}
        for name in self.topic_names():
            with (self.directory / f'{name}.jsonl').open() as lines:
                records = [read_record(line) for line in lines]
            if records:
                found[name] = records
        return found


def read_record(line):
    record = json.loads(line)
    return Record(record['partition'], record['key'], record['value'],
                  record['headers'])


class Scenario:
    def __init__(self, directory):
        self.name = directory.name
        self.setup = (directory / 'setup.sql').read_text()
        self.script = (directory / 'scenario.sql').read_text()
        self.variants = [Variant(path.parent) for path in
                         sorted(directory.glob('*/connector.json'))]


def scenarios_in(directory):
    if (directory / 'setup.sql').exists():
        return [Scenario(directory)]
    return [Scenario(path.parent)
            for path in sorted(directory.glob('*/setup.sql'))]


class Report:
    """Counts and prints."""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.passed = self.failed = 0
        self.causes = Counter()

    def ok(self, name):
        self.passed += 1
        if self.verbose:
            print(f'ok {name}', flush=True)

    def not_ok(self, name, lines, most=40):
        self.failed += 1
        shown = lines if self.verbose else lines[:most]
        print(f'not ok {name}')
        for line in shown:
            print(f'    {line}')
        if len(lines) > len(shown):
            print(f'    and {len(lines) - len(shown)} more')
        sys.stdout.flush()

    def differences(self, name, differences):
        for d in differences:
            self.causes[d.path.split('[')[0]] += 1
        self.not_ok(name, [line for d in differences for line in (
            f'{d.place}: {d.path}', f'  golden {short(d.golden)}',
            f'  ours   {short(d.ours)}')], SHOWN)

    def total(self):
        if self.causes:
            print('differences by place:')
            for path, count in self.causes.most_common(40):
                print(f'{count:7} {path}')
        print(f'{self.passed} passed, {self.failed} failed', flush=True)
        return 1 if self.failed else 0


def short(text):
    return text if len(text) <= WIDTH else f'{text[:WIDTH]}... ({len(text)})'


def judge(report, exclusions, test, source, golden, ours, columns):
    """One topic of one variant."""
    topic = test.split('/')[2]
    if golden is None:
        found = [f'{len(ours)} records in a topic that the original does '
                 'not write']
        report.not_ok(f'{test} {source}', found)
        return
    differences = exclusions.remaining(
        test, source, compare_topic(topic, golden, ours, columns))
    if differences:
        report.differences(f'{test} {source}', differences)
    else:
        report.ok(f'{test} {source}')


def judge_scenario(report, exclusions, scenario, others, results, columns):
    for (source, name), ours in sorted(results.items()):
        model = others[exclusions.instead(scenario.name, source)]
        variant = next(v for v in model.variants if v.name == name)
        golden = variant.topics()
        for topic in sorted(golden.keys() | ours.keys()):
            judge(report, exclusions, f'{scenario.name}/{name}/{topic}',
                  source, golden.get(topic), ours.get(topic, []), columns)


def run_all(report, exclusions, scenarios, others, sources, jobs):
    # what starts servers is loaded only when one is wanted
    from replay import Servers, rig, run_scenario
    rig.core_files_off()
    servers = Servers().start()
    try:
        with ThreadPoolExecutor(jobs) as pool:
            running = [(scenario, pool.submit(run_scenario, servers, scenario,
                                              sources))
                       for scenario in scenarios]
            for scenario, future in running:
                try:
                    results, columns = future.result()
                    judge_scenario(report, exclusions, scenario, others,
                                   results, columns)
                except Exception:
                    report.not_ok(scenario.name,
                                  traceback.format_exc().splitlines()[-40:])
    finally:
        servers.close()


def unpacked(directory):
    with tarfile.open(HERE / 'golden.tar.xz') as archive:
        if hasattr(tarfile, 'data_filter'):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(directory)
    return Path(directory)


def run_selftest(report, directory):
    """The comparison's own tests: it must see what differs."""
    for name, test in selftest.tests():
        try:
            test(directory)
            report.ok(f'selftest {name}')
        except AssertionError as error:
            report.not_ok(f'selftest {name}', str(error).splitlines())


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('directory', nargs='?', metavar='DIR')
    parser.add_argument('-s', dest='sources', metavar='SOURCE',
                        default=os.environ.get('GOLDEN_SOURCES', SOURCES))
    parser.add_argument('-k', dest='word', default='')
    parser.add_argument('-j', dest='jobs', type=int, default=3)
    parser.add_argument('-v', dest='verbose', action='store_true')
    parser.add_argument('--selftest', action='store_true',
                        help='only the tests of the comparison itself')
    return parser.parse_args()


def main():
    args = arguments()
    report = Report(args.verbose)
    with tempfile.TemporaryDirectory(prefix='pg_fanout-golden.') as temporary:
        packed = unpacked(temporary)
        directory = Path(args.directory) if args.directory else packed
        if not args.directory and not args.word:
            run_selftest(report, packed)
        listed = directory / 'exclusions.ini'
        if not args.directory or not listed.exists():
            listed = HERE / 'exclusions.ini'
        exclusions = Exclusions(listed.read_text())
        scenarios = scenarios_in(directory)
        others = {s.name: s for s in scenarios}
        chosen = [s for s in scenarios if args.word in s.name]
        if not chosen:
            report.not_ok('golden', [f'no scenario in {directory}'])
        elif not args.selftest:
            run_all(report, exclusions, chosen, others,
                    args.sources.split(','), args.jobs)
        for exclusion in exclusions.unused():
            report.not_ok(f'exclusion {exclusion.name}',
                          ['it matches nothing any more'])
    return report.total()


if __name__ == '__main__':
    sys.exit(main())
