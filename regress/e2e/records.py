"""records.py: reading back what the relay wrote, and a ledger to check it.

The ledger is the checker of all tests about loss: writers insert dense numbers
per writer with a hash of the payload, and what a sink holds is compared with
what the source holds, row by row.
"""
import gzip
import hashlib
import itertools
import json
import random
import threading

import rig


def parse_lines(data, where):
    """Records of JSON lines; a torn or foreign line is a failure."""
    assert not data or data.endswith(b'\n'), f'{where} ends in mid-record'
    return [json.loads(line) for line in data.splitlines()]


def read_json(path):
    path = str(path)
    opener = gzip.open if path.endswith('.gz') else open
    with opener(path, 'rb') as file:
        return parse_lines(file.read(), path)


def position(record):
    """(commit LSN, sequence): what orders records."""
    return rig.lsn(record['lsn']), record['seq']


def positions(records):
    return [position(record) for record in records]


def operations(records):
    """[(operation, value of the only key column)]"""
    return [(r['op'], next(iter(r['key'].values())) if r.get('key') else None)
            for r in records]


def directory_objects(top):
    """Objects of a dir sink by name, without the relay's own."""
    return sorted(path for path in top.rglob('*')
                  if path.is_file() and '_pg_fanout' not in path.parts)


def read_directory(top):
    return [record for path in directory_objects(top)
            for record in read_json(path)]


def read_bucket(bucket, prefix=''):
    records = []
    for key in bucket.keys(prefix):
        data = bucket.read(key)
        if key.endswith('.gz'):
            data = gzip.decompress(data)
        records += parse_lines(data, key)
    return records


LEDGER_TABLES = ('ledger', 'tally')


def read_topics(kafka, pg, tables=LEDGER_TABLES, prefix=None):
    """Records of the tables' topics, marked with the partition they come
    from."""
    return [dict(parse_lines(record.value + b'\n', record.topic)[0],
                 _partition=(record.topic, record.partition))
            for table in tables
            for record in kafka.read(f'{prefix or pg.dbname}.public.{table}')]


class Ledger:
    """Writers that insert until they are told to stop; with tally they put
    their last number, and how many rows this transaction has, into their row
    of the table tally each time."""

    TABLES = ('create table ledger (writer int, n bigint, payload text, '
              'hash text, primary key (writer, n));'
              'create table tally (writer int primary key, n bigint, took int)')

    def __init__(self, pg, writers=4, tally=False):
        self.pg = pg
        self.stopping = threading.Event()
        self.failures = []
        self.pauses = [0.001, 0.02]
        self.writers = writers
        self.threads = [threading.Thread(target=self._write, args=(w,),
                                         daemon=True)
                        for w in range(writers)]
        pg.sql(self.TABLES)
        pg.sql('insert into tally select g, 0, 0 from generate_series(0, %s) g',
               (writers - 1,))
        self.tally = tally
        pg.publication(tables=['ledger', 'tally'] if tally else ['ledger'])

    # ---- writing ----

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), 'a writer hangs'
        assert not self.failures, self.failures

    def burst(self, transactions, seed=0):
        """Some transactions at once, by the caller."""
        chance = random.Random(seed)
        connection = self.pg.connect(autocommit=False)
        for number in range(transactions):
            self._transact(connection, number % self.writers, chance)
        connection.close()

    def _write(self, writer):
        try:
            self._write_until_stopped(writer, random.Random(writer))
        except Exception as error:  # told by stop()
            self.failures.append(error)

    def _write_until_stopped(self, writer, chance):
        import psycopg2
        connection = None
        while not self.stopping.is_set():
            try:
                connection = connection or self.pg.connect(autocommit=False)
                self._transact(connection, writer, chance)
            except psycopg2.Error as error:
                # the server is away or shutting down: some tests do that
                if error.pgcode not in (None, '57P01', '57P02', '57P03'):
                    raise
                connection = None
                self.stopping.wait(0.1)
            self.stopping.wait(chance.uniform(*self.pauses))
        if connection is not None:
            connection.close()

    def _transact(self, connection, writer, chance):
        """One transaction; one in ten is rolled back."""
        count = chance.choice([1, 1, 1, 2, 5, 40])
        keep = chance.random() > 0.1
        with connection.cursor() as cursor:
            # a commit whose answer was lost: the source decides
            cursor.execute('select coalesce(max(n), 0) from ledger '
                           'where writer = %s', (writer,))
            n = cursor.fetchone()[0]
            for i in range(n + 1, n + 1 + count):
                payload = chance.choice('abc') * chance.randint(0, 900)
                text = f'{writer}.{i}.{payload}'
                cursor.execute('insert into ledger values (%s, %s, %s, %s)',
                               (writer, i, text, digest(text)))
            if self.tally:
                cursor.execute('update tally set n = %s, took = %s '
                               'where writer = %s',
                               (n + count, count, writer))
        if keep:
            connection.commit()
        else:
            connection.rollback()

    # ---- checking ----

    def source(self):
        """{(writer, n): hash of the payload} as the table has it."""
        return {(w, n): h for w, n, h in
                self.pg.rows('select writer, n, hash from ledger')}

    def compare(self, records, where, exactly_once=False, source=None):
        """Asserts that examine() finds nothing wrong and, if exactly_once,
        nothing twice. Answers how many records came again."""
        findings = self.examine(records, source)
        assert not findings.problems, \
            f'{where}: ' + '; '.join(findings.problems[:5])
        assert not (exactly_once and findings.repeats), \
            f'{where}: {findings.repeats} records came twice'
        return findings.repeats

    def wait(self, read, where, **how):
        """Until compare() is content with what read() gives, when the writers
        have ended: what is confirmed may be in the spool alone, and a stop
        does not wait long for the sinks."""
        def complete():
            try:
                self.compare(read(), where, **how)
            except AssertionError:
                return False
            return True
        try:
            rig.wait_until(complete, timeout=120, interval=1)
        except AssertionError:
            self.compare(read(), where, **how)  # says what is wrong

    def examine(self, records, source=None):
        """What is wrong with records that stand in a reader's order, compared
        with the source's rows (read now, unless they were before).

        A record may come again, with its position and content. Order is that
        of first occurrences: over all, or, for records with a "_partition",
        within each partition.
        """
        findings, seen, last = Findings(), {}, {}
        for record in records:
            findings.records += 1
            place = position(record)
            partition = record.pop('_partition', None)
            summary = Summary(record)
            if place in seen:
                findings.repeats += 1
                if seen[place] != summary:
                    findings.tell(f'{place} came again with other content')
                continue
            if place <= last.get(partition, (0, 0)):
                findings.disorder += 1
                findings.tell(f'{place} after {last[partition]}')
            else:
                last[partition] = place
            seen[place] = summary
        ordered = sorted(seen)
        self._examine_rows([seen[place] for place in ordered], findings,
                           self.source() if source is None else source)
        self._examine_counts([(place, seen[place]) for place in ordered],
                             findings)
        return findings

    def _examine_rows(self, summaries, findings, source):
        rows, tally = {}, {}
        for found in summaries:
            row = writer, n = found.writer, found.n
            if found.table == 'tally':
                if n <= tally.get(writer, 0):
                    findings.tell(f'tally of {writer} goes back to {n}')
                tally[writer] = n
                continue
            if found.op != 'insert' or row in rows:
                findings.tell(f'{row} was never so: {found.op}')
            if n > 1 and (writer, n - 1) not in rows:
                findings.tell(f'a gap before {row}')
            rows[row] = found.hash
        lost = sorted(set(source) - set(rows))
        findings.lost = len(lost)
        if lost:
            findings.tell(f'{len(lost)} lost, the first {lost[:5]}')
        elif rows != source:
            findings.tell('rows that the source does not have so')
        if self.tally:
            last = {}
            for writer, n in source:
                last[writer] = max(n, last.get(writer, 0))
            if tally != last:
                findings.tell(f'tally {tally}, expected {last}')

    def _examine_counts(self, placed, findings):
        """Each transaction has the records it says it has: numbered from 1
        without a gap and, with tally, as many as its tally row counted."""
        for lsn, group in itertools.groupby(placed, lambda item: item[0][0]):
            members = list(group)
            numbers = [place[1] for place, _ in members]
            took = [found.took for _, found in members
                    if found.table == 'tally']
            findings.transactions += 1
            if numbers != list(range(1, len(members) + 1)) or \
                    self.tally and took != [len(members) - 1]:
                findings.tell(f'transaction {rig.lsn_text(lsn)}: records '
                              f'{numbers}, counted {took}')


class Summary:
    """What the checker keeps of a record: little, there may be many."""
    __slots__ = ('table', 'op', 'writer', 'n', 'hash', 'took', 'content')

    def __init__(self, record):
        row = record['after']
        self.table, self.op = record['table'], record['op']
        self.writer, self.n = row['writer'], row['n']
        self.took = row.get('took')
        self.hash = digest(row['payload']) if 'payload' in row else None
        if self.hash != row.get('hash'):
            self.hash = 'damaged'
        self.content = hash(repr(record))

    def __eq__(self, other):
        return self.content == other.content


class Findings:
    """Counts, and problems in words."""

    def __init__(self):
        self.records = self.transactions = 0
        self.repeats = self.lost = self.disorder = 0
        self.problems = []

    def tell(self, problem):
        if len(self.problems) < 100:
            self.problems.append(problem)


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()
