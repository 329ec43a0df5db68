/*
 * settings_print.c
 *		--help, a configuration file and the manual page: all tables, examples
 *		and exit codes. See settings.h.
 */
#include "settings.h"

#include "registry.h"

void
settings_print_help(FILE *out)
{
	const OptionTable *table;

	fputs("pg_fanout sends PostgreSQL changes to Kafka topics, S3 objects and files.\n\n"
		  "Usage:\n"
		  "  pg_fanout -d bank -S fan --create-slot\n"
		  "  pg_fanout -d bank -S fan --start --sink kafka://localhost:9092 --sink s3://lake/bank\n"
		  "  pg_fanout --config=pg_fanout.conf --start\n\n", out);
	option_print_help(&settings_table, out);
	fputs("\n", out);
	option_print_help(&sink_common_table, out);
	for (int i = 0; (table = registry_options(i)) != NULL; i++)
	{
		fputs("\n", out);
		option_print_help(table, out);
	}
	fputs("\nExit codes:\n", out);
	for (int code = 0; code < ERROR_CODE_END; code++)
		if (error_code_exists((ErrorCode) code))
			fprintf(out, "  %2d  %s\n", code,
					error_code_meaning((ErrorCode) code));
}

void
settings_print_config(FILE *out)
{
	fputs("# pg_fanout configuration: every option with its default.\n"
		  "# Read with pg_fanout --config=FILE; the command line wins.\n"
		  "# A file that holds secrets must be readable by its owner only.\n\n"
		  "[pg_fanout]\n", out);
	option_print_config(&settings_table, out);
	for (int i = 0; registry_sinks[i] != NULL; i++)
	{
		const char *scheme = registry_sinks[i]->schemes[0];

		fprintf(out, "\n# A sink; the name behind \"sink\" must stay the same, for its progress is kept under it.\n"
				"#[sink my_%s]\n", scheme);
		option_print_config(&sink_common_table, out);
		if (registry_sinks[i]->options != NULL)
			option_print_config(registry_sinks[i]->options, out);
	}
	for (int i = 0; registry_formats[i] != NULL; i++)
	{
		if (registry_formats[i]->options == NULL)
			continue;
		fprintf(out, "\n# In the section of any sink, beside its own:\n"
				"#[sink with_%s]\n#format = %s\n",
				registry_formats[i]->name, registry_formats[i]->name);
		option_print_config(registry_formats[i]->options, out);
	}
}

/* In mdoc, as option_print_manual writes it. */
void
settings_print_manual(FILE *out)
{
	const OptionTable *table;

	fputs(".Dd 2026\n.Dt PG_FANOUT 1\n.Os\n"
		  ".Sh NAME\n.Nm pg_fanout\n"
		  ".Nd send PostgreSQL changes to Kafka topics, S3 objects and files\n"
		  ".Sh SYNOPSIS\n.Nm\n.Op Ar option ...\n"
		  ".Sh DESCRIPTION\nReads a logical replication slot and delivers every committed change, "
		  "in commit order, to all sinks.\nThe slot is confirmed only up to what is durable and "
		  "recorded in every sink.\n.Sh OPTIONS\n", out);
	option_print_manual(&settings_table, out);
	option_print_manual(&sink_common_table, out);
	for (int i = 0; (table = registry_options(i)) != NULL; i++)
		option_print_manual(table, out);
	fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds\n", out);
	for (int code = 0; code < ERROR_CODE_END; code++)
		if (error_code_exists((ErrorCode) code))
			fprintf(out, ".It %d\n%s\n", code,
					error_code_meaning((ErrorCode) code));
	fputs(".El\n", out);
}
