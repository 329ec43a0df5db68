/*
 * publication.c
 *		Whether the publications exist. See publication.h.
 */
#include "publication.h"

#include <string.h>

#include "connection.h"

#define NAME_LIMIT		1024
#define QUERY_LIMIT		8192
#define BLANKS			" \t\n\r\f"

static bool
take_quoted(const char **at, Buf *name)
{
	const char *from = *at + 1;

	for (;; from++)
	{
		if (*from == '\0')
			return false;
		if (*from == '"' && *++from != '"')
			break;
		buf_append_byte(name, (uint8_t) *from);
	}
	*at = from;
	return name->size > 0;
}

static bool
take_plain(const char **at, Buf *name)
{
	size_t		size = strcspn(*at, "," BLANKS);

	for (size_t i = 0; i < size; i++)
	{
		char		letter = (*at)[i];

		if (letter >= 'A' && letter <= 'Z')
			letter = (char) (letter - 'A' + 'a');
		buf_append_byte(name, (uint8_t) letter);
	}
	*at += size;
	return size > 0;
}

bool
publication_next(const char **at, Buf *name)
{
	const char *from = *at + strspn(*at, BLANKS);
	bool		ok;

	buf_clear(name);
	if (*from == '\0')
	{
		*at = from;
		return false;
	}
	ok = *from == '"' ? take_quoted(&from, name) : take_plain(&from, name);
	from += strspn(from, BLANKS);
	if (!ok || buf_failed(name) || (*from != ',' && *from != '\0'))
		return false;

	/* a comma promises another name */
	if (*from == ',' && from[1 + strspn(from + 1, BLANKS)] == '\0')
		return false;
	*at = *from == ',' ? from + 1 : from;
	return true;
}

static bool
check_one(PGconn *conn, const char *name, Error *err)
{
	char	   *literal = connection_quote_literal(conn, name);
	PGresult   *result = NULL;
	bool		ok = false;
	Buf			sql;

	buf_init(&sql, QUERY_LIMIT);
	buf_printf(&sql, "SELECT FROM pg_catalog.pg_publication WHERE pubname = %s",
			   literal != NULL ? literal : "NULL");
	if (!buf_failed(&sql))
		result = connection_query(conn, buf_string(&sql), err);
	else
		error_no_memory(err);
	if (result != NULL && PQntuples(result) == 0)
	{
		error_set(err, ERROR_PUBLICATION, "publication \"%s\" does not exist",
				  name);
		error_hint(err, "Create it with CREATE PUBLICATION before the slot, or correct -o publication_names.");
	}
	else
		ok = result != NULL;
	PQclear(result);
	PQfreemem(literal);
	buf_free(&sql);
	return ok;
}

static bool
check_list(PGconn *conn, const char *list, Error *err)
{
	const char *at = list;
	bool		ok = true;
	Buf			name;

	buf_init(&name, NAME_LIMIT);
	while (ok && publication_next(&at, &name))
		ok = check_one(conn, buf_string(&name), err);
	buf_free(&name);
	if (ok && (at == list || *at != '\0'))
	{
		error_set(err, ERROR_USAGE,
				  "publication_names: \"%s\" is no list of names", list);
		ok = error_hint(err,
						"Put commas between names, and quotes around names that SQL would want quoted.");
	}
	return ok;
}

bool
publication_check(PGconn *conn, const SourceOptions *options, Error *err)
{
	for (size_t i = 0; i < options->count; i++)
		if (strcmp(options->names[i], "publication_names") == 0 &&
			options->values[i] != NULL &&
			!check_list(conn, options->values[i], err))
			return false;
	return true;
}
