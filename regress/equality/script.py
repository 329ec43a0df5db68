"""script.py: the workload scripts of the equality test.

A script is run by psql, in a database of its own. Comments at the beginning of
a line steer it; a script without any is one workload and publishes all tables.

	-- database: ENCODING 'LATIN1' ...	options of CREATE DATABASE
	-- needs: 17				only on this major version and newer
	-- until: 17				only up to this major version
	-- publications: one, two		what to read; made by the setup. Several
						lines: read once with each of them
	-- options: origin=none			more options of both output plugins
	-- live					read after each test, not at the end
	-- workload				what stands before is the setup: done
						before the slots are made
	-- test: NAME				a test begins: records of transactions
						that commit until the next one
	-- nothing				this test sends nothing
	-- differs: PATH, PATH: REASON		members that differ in it, and only
						those: an allowed difference. "order":
						of JSON members; "unknown": columns
						have numbers from 2048 up

Without "-- test", there is one test for each table that has records.
"""
import re
from dataclasses import dataclass, field


@dataclass
class Test:
    name: str
    text: str = ''
    nothing: bool = False
    differs: tuple = ()


@dataclass
class Script:
    path: object
    name: str
    database: str = ''
    needs: int = 0
    until: int = 999
    publications: list = field(default_factory=list)
    options: list = field(default_factory=list)
    live: bool = False
    setup: str = ''
    tests: list = field(default_factory=list)
    by_table: bool = False


def read(path):
    script = Script(path, path.stem)
    lines = path.read_text(errors='surrogateescape').splitlines(True)
    has_setup = any(re.match(r'-- workload\s*$', line) for line in lines)
    in_setup = has_setup
    before = ''
    for line in lines:
        found = re.match(r'-- ([a-z]+)(?:: *(.*?))?\s*$', line)
        word, value = found.groups() if found else (None, None)
        if word == 'workload' and value is None:
            in_setup = False
        elif word == 'test' and value and not in_setup:
            script.tests.append(Test(value))
        elif word == 'nothing' and value is None and script.tests:
            script.tests[-1].nothing = True
        elif word == 'differs' and value and script.tests:
            paths, reason = value.split(':', 1)
            assert reason.strip(), f'{path}: "differs" without a reason'
            script.tests[-1].differs = tuple(paths.replace(',', ' ').split())
        elif in_setup or not script.tests:
            steer(script, word, value)
        if in_setup:
            script.setup += line
        elif script.tests:
            script.tests[-1].text += line
        else:
            before += line
    if not script.tests:
        script.by_table = True
        script.tests.append(Test('all'))
    script.tests[0].text = before + script.tests[0].text
    return script


def steer(script, word, value):
    if word == 'database' and value:
        script.database = value
    elif word == 'needs' and value:
        script.needs = int(value)
    elif word == 'until' and value:
        script.until = int(value)
    elif word == 'publications' and value:
        script.publications.append(value)
    elif word == 'options' and value:
        script.options += value.split()
    elif word == 'live' and value is None:
        script.live = True
