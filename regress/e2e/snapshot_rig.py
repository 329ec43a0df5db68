"""snapshot_rig.py: what tests of snapshots share.

Tables with rows, writers that change them, and what records make of both. The
value of a row is "writer.number" once a writer has changed it, and a writer's
numbers only grow: version() tells the older of two states of a key.
"""
import os
import random
import re
import threading

import rig

PLUGINS = ('pg_fanout', 'pgoutput')


def args(pg, plugin='pg_fanout', mode='initial', publication='pub'):
    more = ['-o', f'publication_names={publication}'] if publication else []
    return [*pg.args, '-S', pg.slot, '-P', plugin, '--start', *more,
            f'--snapshot={mode}']


def sink(path, **options):
    options = dict(sync_interval='50ms', checkpoint_interval='50ms', **options)
    return f'file:{path}?' + '&'.join(f'{k}={v}' for k, v in options.items())


def table_of(record):
    return f'{record["schema"]}.{record["table"]}'


def key_of(record, row=None):
    row = row or record['key']
    return tuple(row[name] for name in record['key'])


class State:
    """What records make of tables. exact: a row that is there never comes
    again, and one that is not there is not changed."""

    def __init__(self, records, exact=True):
        self.tables = {}
        self.reads = 0
        for record in records:
            self.apply(record, self.tables.setdefault(table_of(record), {}),
                       exact)

    def apply(self, record, rows, exact):
        op = record['op']
        self.reads += op == 'read'
        if op == 'truncate':
            rows.clear()
            return
        key = key_of(record)
        if op in ('insert', 'read'):
            assert not exact or key not in rows, record
            rows[key] = record['after']
        elif op == 'delete':
            assert not exact or key in rows, record
            rows.pop(key, None)
        else:
            old = key_of(record, record['before']) if record['before'] else key
            assert not exact or old in rows, record
            rows.pop(old, None)
            rows[key] = record['after']


def rows_of(pg, query, *key):
    """As State has them: without NULLs, which records leave out."""
    found = {}
    for row, in pg.rows(f'select to_jsonb(q) from ({query}) q'):
        row = {k: v for k, v in row.items() if v is not None}
        found[tuple(row[name] for name in key)] = row
    return found


def no_nulls(rows):
    return {key: {k: v for k, v in row.items() if v is not None}
            for key, row in rows.items()}


def in_order(records):
    return sorted(records, key=lambda r: (rig.lsn(r['lsn']), r['seq']))


def write_again(pg):
    """Every row once more, as a new one."""
    for name, in pg.rows("select oid::regclass::text from pg_class where "
                         "relkind = 'r' and relnamespace = 'public'::regnamespace"
                         ' and not relispartition order by 1'):
        columns = pg.value(
            "select string_agg(quote_ident(attname), ', ' order by attnum) "
            'from pg_attribute where attrelid = %s::regclass and attnum > 0 '
            "and not attisdropped and attgenerated = ''", (name,))
        if columns:
            pg.sql(f'create temp table again as select * from only {name}; '
                   f'truncate only {name}; insert into {name} ({columns}) '
                   f'select {columns} from again; drop table again')


def halves(records, op_of, read, insert):
    """What was read and what was inserted later, sorted as text."""
    return tuple(sorted((str(r) for r in records if op_of(r) == op))
                 for op in (read, insert))


SHAPES = '''
    create table root (id int, region text, amount numeric, note text,
        primary key (region, id)) partition by list (region);
    create table eu partition of root for values in ('eu');
    create table us (note text, gone int, amount numeric, region text not null,
        id int not null, primary key (region, id));
    alter table us drop column gone;
    alter table root attach partition us for values in ('us');
    create table made (id int primary key, v int,
        twice int generated always as (v * 2) stored);
    create table listed (id int primary key, a text, secret text);
    create table filtered (id int primary key, v text);
    create table other (id int primary key);
    insert into root select g, case when g % 2 = 0 then 'eu' else 'us' end,
        g / 10.0, 'n' || g from generate_series(1, 50) g;
    insert into made (id, v) select g, g from generate_series(1, 10) g;
    insert into listed select g, 'a', 's' from generate_series(1, 10) g;
    insert into filtered select g, 'v' from generate_series(1, 20) g;
    insert into other values (1)
'''


# ---- with others at work ----

class Writers:
    """Writers that insert, change, move and delete rows of two tables, and
    insert some that they have deleted; each has keys of its own."""

    def __init__(self, pg, count=16, tables=('t0', 'parted'), pause=0.02):
        self.pg, self.tables, self.pause = pg, tables, pause
        self.stopping = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=(n,),
                                         daemon=True) for n in range(count)]

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

    def run(self, number):
        chance = random.Random(number)
        fresh = 1000000 * (number + 1)
        try:
            connection = self.pg.connect(autocommit=False)
            while not self.stopping.is_set():
                with connection.cursor() as cursor:
                    for _ in range(chance.choice((1, 2, 5))):
                        fresh += 1
                        self.change(cursor, chance, number, fresh)
                if chance.random() < 0.1:
                    connection.rollback()
                else:
                    connection.commit()
                self.stopping.wait(chance.uniform(0, self.pause))
            connection.close()
        except Exception as error:
            self.failures.append(error)

    def change(self, cursor, chance, number, fresh):
        table = chance.choice(self.tables)
        key = 16 * chance.randint(0, 900) + number
        value = f'{number}.{fresh}'
        what = chance.random()
        if what < 0.3:
            cursor.execute(f'insert into {table} values (%s, %s)',
                           (fresh, value))
        elif what < 0.4:
            cursor.execute(f'insert into {table} values (%s, %s) '
                           'on conflict do nothing', (key, value))
        elif what < 0.7:
            cursor.execute(f'update {table} set v = %s where id = %s',
                           (value, key))
        elif what < 0.85:
            cursor.execute(f'update {table} set id = %s, v = %s where id = %s',
                           (fresh, value, key))
        else:
            cursor.execute(f'delete from {table} where id = %s', (key,))


def version(row):
    """0: as no writer has left it."""
    found = re.fullmatch(r'\d+\.(\d+)', (row or {}).get('v') or '')
    return int(found[1]) if found else 0


def fill(pg, tables=1, rows=12000):
    for number in range(tables):
        pg.sql(f'create table t{number} (id bigint primary key, v text); '
               f"insert into t{number} select g, 'v' || g from "
               f'generate_series(0, {rows - 1}) g')
    pg.sql('create table parted (id bigint primary key, v text) '
           'partition by hash (id); '
           'create table parted0 partition of parted for values '
           'with (modulus 2, remainder 0); '
           'create table parted1 partition of parted for values '
           'with (modulus 2, remainder 1); '
           "insert into parted select g, 'p' || g from "
           f'generate_series(0, {rows - 1}) g')
    pg.sql('create publication pub for all tables '
           'with (publish_via_partition_root)')


def check_state(pg, records, tables, exact=True):
    state = State(records, exact)
    for name in tables:
        assert no_nulls(state.tables[f'public.{name}']) == rows_of(
            pg, f'select * from {name}', 'id'), name
    return state


def drain(end):
    with os.fdopen(end, 'rb') as pipe:
        while pipe.read(65536):
            pass
