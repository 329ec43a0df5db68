/*
 * registry.c
 *		The one list of sources, formats and sinks.
 */
#include "registry.h"

#include <string.h>

extern const SourceOps source_plugin_ops;
extern const SourceOps source_pgoutput_ops;
extern const FormatOps format_json_ops;
extern const FormatOps format_protobuf_ops;
extern const FormatOps format_avro_ops;
extern const FormatOps format_debezium_ops;
extern const SinkOps sink_kafka_ops;
extern const SinkOps sink_s3_ops;
extern const SinkOps sink_file_ops;
extern const SinkOps sink_null_ops;

const SourceOps *const registry_sources[] = {
	&source_plugin_ops, &source_pgoutput_ops, NULL
};

const FormatOps *const registry_formats[] = {
	&format_json_ops, &format_protobuf_ops, &format_avro_ops,
	&format_debezium_ops, NULL
};

const SinkOps *const registry_sinks[] = {
	&sink_kafka_ops, &sink_s3_ops, &sink_file_ops, &sink_null_ops, NULL
};

const SourceOps *
registry_find_source(const char *plugin)
{
	for (int i = 0; registry_sources[i] != NULL; i++)
		if (strcmp(registry_sources[i]->plugin, plugin) == 0)
			return registry_sources[i];
	return NULL;
}

const FormatOps *
registry_find_format(const char *name)
{
	for (int i = 0; registry_formats[i] != NULL; i++)
		if (strcmp(registry_formats[i]->name, name) == 0)
			return registry_formats[i];
	return NULL;
}

const SinkOps *
registry_find_sink(const char *scheme)
{
	for (int i = 0; registry_sinks[i] != NULL; i++)
		for (const char *const *name = registry_sinks[i]->schemes; *name;
			 name++)
			if (strcmp(*name, scheme) == 0)
				return registry_sinks[i];
	return NULL;
}

const OptionTable *
registry_options(int index)
{
	const OptionTable *table;

	for (int i = 0; registry_sinks[i] != NULL; i++)
	{
		table = registry_sinks[i]->options;
		if (table != NULL && index-- == 0)
			return table;
	}
	for (int i = 0; registry_formats[i] != NULL; i++)
	{
		table = registry_formats[i]->options;
		if (table != NULL && index-- == 0)
			return table;
	}
	return NULL;
}
