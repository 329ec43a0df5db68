"""replay.py: a scenario's SQL through the relay, its records from Kafka.

One PostgreSQL and one broker serve all scenarios. A scenario has a database
of its own; a relay for each output plugin and publication streams it, with one
sink for each variant. Variants of a scenario write topics of the same name, so
each sink's prefix and the database's name carry a token that is taken out of
what was read: nothing else of a record is touched here.
"""
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'e2e'))

import rig  # noqa: E402
from compare import Columns, Record  # noqa: E402
from options import sink_options, sink_url  # noqa: E402

END_TABLE = 'zz_end'
# Scripts pause so that a look into the catalog finds what the change was made
# with. A pause of ours lasts until that change is delivered: the slot is then
# confirmed past the place where the WAL ended before it.
MARK = "SELECT set_config('golden.place', pg_current_wal_insert_lsn()::text, " \
    "false) \\g /dev/null\n"
PAUSE = """DO $$ BEGIN FOR i IN 1..250 LOOP
EXIT WHEN (SELECT min(confirmed_flush_lsn) > current_setting('golden.place')::pg_lsn
FROM pg_replication_slots WHERE database = current_database());
PERFORM pg_sleep(0.02); END LOOP; PERFORM pg_sleep(0.05); END $$;
"""


class Servers:
    """PostgreSQL and Kafka, as long as all scenarios take."""

    def __init__(self):
        self.postgres = rig.Postgres(settings=['timezone=UTC'])
        self.kafka = rig.Kafka()

    def start(self):
        try:
            self.postgres.start()
            self.kafka.start()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        self.postgres.close()
        self.kafka.close()


def psql_program():
    """psql of the server in use, or any."""
    config = shutil.which(os.environ.get('PG_CONFIG', 'pg_config'))
    places = [os.environ.get('PATH', '')]
    if config:
        places.insert(0, subprocess.run([config, '--bindir'], text=True,
                                        capture_output=True).stdout.strip())
    return shutil.which('psql', path=os.pathsep.join(places)) or 'psql'


def psql(database, script):
    """Runs a file as it was run for the original: one session, autocommit."""
    environ = {name: value for name, value in os.environ.items()
               if not name.startswith('PG')}
    done = subprocess.run(
        [psql_program(), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-',
         database.conninfo], input=script, text=True, capture_output=True,
        env=environ)
    if done.returncode:
        raise RuntimeError(f'psql: {done.stderr.strip()}')


def columns_of(database):
    """The columns whose values are compared by meaning."""
    found = {'hstore': defaultdict(set), 'real': defaultdict(set)}
    for schema, table, column, kind in database.rows(
            "select n.nspname, c.relname, a.attname, case when t.typname in "
            "('float4', '_float4') then 'real' else 'hstore' end "
            'from pg_attribute a join pg_class c on c.oid = a.attrelid '
            'join pg_namespace n on n.oid = c.relnamespace '
            'join pg_type t on t.oid = a.atttypid where a.attnum > 0 and '
            "t.typname in ('float4', '_float4', 'hstore', '_hstore')"):
        found[kind][schema, table].add(column)
    return Columns(**found)


class Replay:
    """One scenario with one output plugin and the variants of one
    publication."""

    def __init__(self, servers, database, source, variants):
        self.servers = servers
        self.database = database
        self.source = source
        self.tokens = {f'g{next(self.counter)}x': v for v in variants}
        self.slot = f'{database.dbname}_{next(iter(self.tokens))}'
        self.relay = None

    counter = iter(range(1000, 10000))

    def sink(self, token, variant):
        options = sink_options(variant.connector)
        options['prefix'] = token + variant.prefix
        options['checkpoint_interval'] = '0.2s'
        if int(options.get('partitions', '1')) > 1:
            # the partition is made of the key, whose schema has the prefix
            options['prefix'] = variant.prefix
            options['topic'] = token + '{prefix}.{schema}.{table}'
            options['message_topic'] = token + '{prefix}.message'
        return f'{token}={sink_url(self.servers.kafka.bootstrap, options)}'

    def make_topics(self):
        """Those that are expected, all at once, as the relay makes them one
        by one; but for those with a number of partitions."""
        from confluent_kafka.admin import NewTopic
        topics = [name.replace(variant.prefix, token + variant.prefix, 1)
                  for token, variant in self.tokens.items()
                  if 'partitions' not in sink_options(variant.connector)
                  for name in (f'{variant.prefix}.public.{END_TABLE}',
                               *variant.topic_names())]
        if topics:
            made = self.servers.kafka.admin.create_topics(
                [NewTopic(name, 1, 1) for name in topics])
            for future in made.values():
                future.result()

    def start(self):
        self.make_topics()
        variant = next(iter(self.tokens.values()))
        args = [*self.database.args, '-S', self.slot, '-P', self.source,
                '--start', '-s', '1', '-o', 'messages=on',
                '-o', f'publication_names={variant.publication}']
        for token, variant in self.tokens.items():
            args += ['--sink', self.sink(token, variant)]
        if variant.has_snapshot:
            # one after the other, as the original reads tables
            args += ['--snapshot=initial', '--snapshot-workers=1']
        else:
            self.database.create_slot(self.slot, self.source)
        self.relay = rig.Relay(args, env={'PGAPPNAME': self.slot})
        self.relay.wait_streaming()

    def finish(self, position):
        """Waits until the end mark, written behind position, is delivered to
        all topics, then ends the relay."""
        rig.wait_until(
            lambda: not self.relay.running or
            self.database.confirmed(self.slot) > position and
            self.has_end_marks(), timeout=240, interval=0.1,
            what='delivery of all records')
        self.relay.stop()

    def has_end_marks(self):
        """Each sink's topic of the end mark has a record."""
        mine = [name for name in self.servers.kafka.topics()
                if name.endswith('.' + END_TABLE)
                and any(token in name for token in self.tokens)]
        found = {name for name, _ in read_topics(
            self.servers.kafka.bootstrap, mine)}
        return len(found) == len(self.tokens)

    def close(self):
        if self.relay:
            self.relay.kill()
            self.relay.stdout.close()

    def records(self):
        """{variant: {topic: records}} as the broker has them."""
        tokens = list(self.tokens)
        mine = [name for name in self.servers.kafka.topics()
                if not name.startswith('__pg_fanout.')
                and any(token in name for token in tokens)]
        found = {variant: defaultdict(list)
                 for variant in self.tokens.values()}
        for topic, record in read_topics(self.servers.kafka.bootstrap, mine):
            token = next(t for t in tokens if t in topic)
            topic = topic.replace(token, '', 1)
            if not topic.endswith('.' + END_TABLE):
                found[self.tokens[token]][topic].append(
                    self.clean(record, token))
        return found

    def clean(self, message, token):
        database = self.tokens[token].connector['database.dbname']

        def text(raw):
            if raw is None:
                return None
            return raw.decode(errors='backslashreplace').replace(
                token, '').replace(f'"db":"{self.database.dbname}"',
                                   f'"db":"{database}"')
        return Record(message.partition(), text(message.key()),
                      text(message.value()),
                      [[name, text(value)]
                       for name, value in message.headers() or []])


def read_topics(bootstrap, names):
    """(topic, message) of all topics, in the order of each partition."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition
    consumer = Consumer({
        'bootstrap.servers': bootstrap, 'group.id': 'golden',
        'enable.auto.commit': False, 'enable.partition.eof': True,
        'isolation.level': 'read_committed', 'log_level': 0,
        'fetch.wait.max.ms': 50})
    try:
        topics = consumer.list_topics(timeout=20).topics
        waiting = {(name, part) for name in names
                   for part in topics[name].partitions}
        consumer.assign([TopicPartition(*place, 0) for place in waiting])
        idle = 0
        while waiting:
            messages = consumer.consume(1000, timeout=0.2)
            idle = 0 if messages else idle + 1
            assert idle < 300, f'topics could not be read: {waiting}'
            for message in messages:
                if message.error() is None:
                    yield message.topic(), message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    waiting.discard((message.topic(), message.partition()))
                else:
                    raise RuntimeError(str(message.error()))
    finally:
        consumer.close()


def groups(variants):
    """Variants by their publication, those with a snapshot apart."""
    found = defaultdict(list)
    for variant in variants:
        found[variant.publication, variant.has_snapshot].append(variant)
    return list(found.values())


def paced(scenario):
    """The script; how long its pauses are matters where a timer is tested."""
    if any('heartbeat.interval.ms' in v.connector for v in scenario.variants):
        return scenario.script
    out, changed = [], False
    for line in scenario.script.splitlines(keepends=True):
        if re.match(r'SELECT pg_sleep\(\d+\);', line):
            # what ALTER TABLE did is seen with the next change only
            out.append(PAUSE if changed else '')
            line = MARK
        changed = re.match('INSERT|UPDATE|DELETE|COMMIT', line)
        out.append(line)
    return MARK + ''.join(out)


def prepare(database, scenario):
    psql(database, scenario.setup)
    for name in {v.publication for v in scenario.variants}:
        if not database.value('select 1 from pg_publication where '
                              'pubname = %s', (name,)):
            database.publication(name)


def run_scenario(servers, scenario, sources):
    """{(source, variant): {topic: records}} and the Columns."""
    name = re.sub('[^a-z0-9_]', '_', scenario.name.lower())
    database = servers.postgres.new_database(f'bank_{name}')
    replays = [Replay(servers, database, source, variants)
               for source in sources for variants in groups(scenario.variants)]
    try:
        prepare(database, scenario)
        for replay in replays:
            replay.start()
        # no snapshot has it: the last of its records tells that it is that
        database.sql(f'create table if not exists public.{END_TABLE}'
                     '(id int primary key)')
        psql(database, paced(scenario))
        position = database.wal_position()
        database.sql(f'insert into {END_TABLE} values (1)')
        found = {}
        for replay in replays:
            replay.finish(position)
            for variant, topics in replay.records().items():
                found[replay.source, variant.name] = topics
        return found, columns_of(database)
    finally:
        for replay in replays:
            replay.close()
        database.close()
