"""exclusions.py: the list of what is a fault of the original.

exclusions.ini has one section for each. An exclusion applies to a difference
if all its patterns fit; one that fits none of the topics it names, although
they were compared, is itself an error: the list stays true.

	where	scenario/variant/topic, with * and ?; several on lines
	source	pg_fanout or pgoutput: only with this output plugin
	path	of the difference, with *
	golden	regular expression for the original's spelling (whole)
	ours	the same for ours: what we write is pinned too
	reason	a sentence
	race	yes: it may fit nothing, on a machine that is slow or fast
	instead	(alone with where) another scenario whose records are compared
"""
import configparser
import re
from fnmatch import fnmatchcase

KEYS = {'where', 'source', 'path', 'golden', 'ours', 'reason', 'race',
        'instead'}


def wildcard(pattern):
    """A pattern with * and nothing else special."""
    return re.compile('.*'.join(map(re.escape, pattern.split('*'))), re.S)


class Exclusion:
    def __init__(self, name, section):
        unknown = set(section) - KEYS
        if unknown or 'where' not in section or not section.get('reason'):
            raise ValueError(f'exclusion {name}: where and reason are '
                             f'needed, unknown: {sorted(unknown)}')
        self.name = name
        self.where = section['where'].split()
        self.source = section.get('source')
        self.paths = [wildcard(p)
                      for p in section.get('path', '*').split()]
        self.golden = re.compile(section.get('golden', '.*'), re.S)
        self.ours = re.compile(section.get('ours', '.*'), re.S)
        self.race = section.getboolean('race', False)
        self.instead = section.get('instead')
        self.reason = section['reason']
        self.asked = False
        self.used = 0

    def names(self, test, source):
        """Whether it is about this scenario/variant/topic."""
        return (self.source in (None, source) and
                any(fnmatchcase(test, pattern) for pattern in self.where))

    def fits(self, difference):
        return (any(p.fullmatch(difference.path) for p in self.paths) and
                bool(self.golden.fullmatch(difference.golden)) and
                bool(self.ours.fullmatch(difference.ours)))


class Exclusions:
    def __init__(self, text=''):
        parser = configparser.ConfigParser(
            interpolation=None, delimiters=('=',), comment_prefixes=('#',))
        parser.read_string(text)
        self.all = [Exclusion(name, parser[name])
                    for name in parser.sections()]

    def remaining(self, test, source, differences):
        """The differences that no exclusion explains."""
        mine = [e for e in self.all
                if not e.instead and e.names(test, source)]
        for exclusion in mine:
            exclusion.asked = True
        left = []
        for difference in differences:
            fits = [e for e in mine if e.fits(difference)]
            for exclusion in fits:
                exclusion.used += 1
            if not fits:
                left.append(difference)
        return left

    def instead(self, scenario, source):
        """The scenario whose records are to be compared with."""
        for exclusion in self.all:
            if exclusion.instead and exclusion.names(scenario, source):
                return exclusion.instead
        return scenario

    def unused(self):
        return [e for e in self.all if e.asked and not e.used and not e.race]
