"""records.py: reading back what the relay wrote, and a ledger to check it.

The ledger is the checker of all tests about loss: writers insert dense numbers
per writer with a hash of the payload, and what a sink holds is compared with
what the source holds, row by row.
"""
import gzip
import hashlib
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


def read_topics(kafka, pg, tables=LEDGER_TABLES):
    """Records of the tables' topics, marked with the partition they come
    from."""
    return [dict(parse_lines(record.value + b'\n', record.topic)[0],
                 _partition=(record.topic, record.partition))
            for table in tables
            for record in kafka.read(f'{pg.dbname}.public.{table}')]


def read_lake(top, tables=LEDGER_TABLES):
    """A directory's objects, each table's in order."""
    return by_table(read_directory(top), tables)


def read_s3(bucket, prefix='', tables=LEDGER_TABLES):
    return by_table(read_bucket(bucket, prefix), tables)


def by_table(records, tables):
    return [dict(record, _partition=table) for table in tables
            for record in records if record['table'] == table]


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
        """{(writer, n): (payload, hash)} as the table has it."""
        return {(w, n): (p, h) for w, n, p, h in
                self.pg.rows('select writer, n, payload, hash from ledger')}

    def compare(self, records, where, exactly_once=False, source=None):
        """Asserts that the records, in the order a reader gets them, are the
        source's rows (read before, perhaps). A record may come again (with
        its position and content), unless exactly_once; then everything is in
        order.

        Order is asserted of first occurrences: over all, or, for records with
        a "_partition", within each partition. Answers how many came again.
        """
        seen, last = {}, {}
        for record in records:
            place = position(record)
            partition = record.pop('_partition', None)
            if place in seen:
                assert not exactly_once, f'{where}: {place} came twice'
                assert seen[place] == record, f'{where}: {place} differs'
                continue
            assert place > last.get(partition, (0, 0)), \
                f'{where}: {place} after {last[partition]}'
            seen[place], last[partition] = record, place
        ordered = [seen[place] for place in sorted(seen)]
        self.compare_rows(ordered, where, source)
        self.compare_counts(ordered, where)
        return len(records) - len(seen)

    def compare_rows(self, records, where, source=None):
        """The same of records without repetition, in the source's order."""
        rows, tally = {}, {}
        source = self.source() if source is None else source
        for record in records:
            row = record['after']
            writer, n = row['writer'], row['n']
            if record['table'] == 'tally':
                assert n > tally.get(writer, 0), f'{where}: tally {row}'
                tally[writer] = n
                continue
            assert record['op'] == 'insert'
            assert (writer, n) not in rows, f'{where}: {row} invented'
            assert n == 1 or (writer, n - 1) in rows, \
                f'{where}: gap before {writer, n}'
            assert digest(row['payload']) == row['hash'], (where, writer, n)
            rows[writer, n] = (row['payload'], row['hash'])
        lost = sorted(set(source) - set(rows))
        assert not lost, f'{where}: {len(lost)} lost, the first {lost[:5]}'
        assert rows == source, f'{where}: rows the source does not have'
        if self.tally:
            last = {}
            for writer, n in source:
                last[writer] = max(n, last.get(writer, 0))
            assert tally == last, f'{where}: tally'

    def compare_counts(self, records, where):
        """Each transaction has the records it says it has: numbered from 1
        without a gap and, with tally, as many as its tally row counted."""
        transactions = {}
        for record in records:
            transactions.setdefault(record['lsn'], []).append(record)
        for lsn, members in transactions.items():
            numbers = [member['seq'] for member in members]
            assert numbers == list(range(1, len(members) + 1)), \
                f'{where}: transaction {lsn} has records {numbers}'
            if self.tally:
                took = [member['after']['took'] for member in members
                        if member['table'] == 'tally']
                assert took == [len(members) - 1], \
                    f'{where}: transaction {lsn}: {len(members)}, {took}'


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()
