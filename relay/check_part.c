/*
 * check_part.c
 *		How --check says its findings and asks the server.
 */
#include "check_part.h"

#include <stdarg.h>
#include <stdlib.h>

static void
say_line(const char *mark, const char *format, va_list args)
{
	fputs(mark, stdout);
	vprintf(format, args);
	fputc('\n', stdout);
}

void
say_ok(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	say_line("ok    ", format, args);
	va_end(args);
}

void
say_warning(const char *hint, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	say_line("warn  ", format, args);
	va_end(args);
	printf("      %s\n", hint);
}

void
say_failure(Check *check, const Error *failure)
{
	printf("FAIL  %s\n", failure->message);
	if (failure->detail[0] != '\0')
		printf("      %s\n", failure->detail);
	if (failure->hint[0] != '\0')
		printf("      %s\n", failure->hint);
	if (!check->failed)
		check->first = *failure;
	check->failed = true;
}

void
say_fault(Check *check, ErrorCode code, const char *hint,
		  const char *format,...)
{
	char		text[ERROR_TEXT_SIZE];
	va_list		args;
	Error		failure;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(&failure, code, "%s", text);
	error_hint(&failure, "%s", hint);
	say_failure(check, &failure);
}

PGresult *
ask_rows(Check *check, const char *sql)
{
	Error		err;
	PGresult   *result;

	error_clear(&err);
	result = connection_query(check->conn, sql, &err);
	if (result == NULL)
		say_warning(err.hint[0] != '\0' ? err.hint : "It is passed over.",
					"the server did not answer a question: %s", err.message);
	return result;
}

bool
ask_value(Check *check, const char *sql, char *value, size_t size)
{
	PGresult   *result = ask_rows(check, sql);
	bool		found = result != NULL && PQntuples(result) > 0 &&
		!PQgetisnull(result, 0, 0);

	value[0] = '\0';
	if (found)
		snprintf(value, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return found;
}

void
ask_setting(Check *check, const char *name, char *value, size_t size)
{
	char		sql[256];

	snprintf(sql, sizeof(sql),
			 "SELECT setting FROM pg_catalog.pg_settings WHERE name = '%s'",
			 name);
	ask_value(check, sql, value, size);
}

int64_t
ask_number(Check *check, const char *name, int64_t missing)
{
	char		value[64];

	ask_setting(check, name, value, sizeof(value));
	return value[0] != '\0' ? strtoll(value, NULL, 10) : missing;
}
