"""options.py: a connector's configuration in the relay's words.

Every option of connector.json stands in one of the tables below, or the
scenario fails: nothing is left out silently.
"""
from urllib.parse import quote

# the name is the relay's, the value the same
SAME = ('decimal.handling.mode', 'time.precision.mode', 'binary.handling.mode',
        'hstore.handling.mode', 'interval.handling.mode',
        'unavailable.value.placeholder', 'skipped.operations',
        'topic.heartbeat.prefix')
SWITCHES = {'include.unknown.datatypes': 'include_unknown_datatypes',
            'provide.transaction.metadata': 'provide_transaction_metadata',
            'extended.headers.enabled': 'extended_headers_enabled',
            'tombstones.on.delete': 'tombstones'}
NUMBERS = {'topic.creation.default.partitions': 'partitions',
           'topic.creation.default.replication.factor': 'replication'}
SCHEMAS = ('key.converter.schemas.enable', 'value.converter.schemas.enable')
# said elsewhere, or without meaning for the relay
OTHERS = ('connector.class', 'tasks.max', 'database.hostname', 'database.port',
          'database.user', 'database.password', 'database.dbname',
          'plugin.name', 'topic.prefix', 'slot.name', 'publication.name',
          'snapshot.mode', 'key.converter', 'value.converter',
          'event.processing.failure.handling.mode',
          'publication.autocreate.mode')
JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter'


def switch(value):
    return {'true': 'on', 'false': 'off'}[value]


def sink_options(connector):
    """{option: value} of the Kafka sink; ValueError for what has no word."""
    options = {'format': 'debezium-json'}
    for name, value in connector.items():
        if name in SAME:
            options[name.replace('.', '_')] = value
        elif name in SWITCHES:
            options[SWITCHES[name]] = switch(value)
        elif name in NUMBERS:
            options[NUMBERS[name]] = value
        elif name == 'heartbeat.interval.ms':
            options['heartbeat_interval'] = f'{value}ms'
        elif name not in OTHERS + SCHEMAS:
            raise ValueError(f'option {name} of connector.json has no word '
                             'in options.py')
    schemas = {connector.get(name, 'true') for name in SCHEMAS}
    if len(schemas) != 1:
        raise ValueError('key and value converter differ in schemas.enable')
    options['schemas_enable'] = switch(schemas.pop())
    for name in ('key.converter', 'value.converter'):
        if connector.get(name, JSON_CONVERTER) != JSON_CONVERTER:
            raise ValueError(f'{name} is not {JSON_CONVERTER}')
    return options


def sink_url(bootstrap, options):
    query = '&'.join(f'{name}={quote(str(value))}'
                     for name, value in options.items())
    return f'kafka://{bootstrap}?{query}'
