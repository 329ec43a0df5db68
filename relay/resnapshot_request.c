/*
 * resnapshot_request.c
 *		The content of a message that asks for tables to be read again. See
 *		resnapshot_request.h.
 */
#include "resnapshot_request.h"

#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "pattern.h"

/* A message is in the encoding of the database: ASCII is in all of them. */
#define WRITE_FLAGS	(JSON_COMPACT | JSON_ENSURE_ASCII)

static bool
malformed(Error *err, const char *what)
{
	return error_set(err, ERROR_USAGE,
					 "message \"" RESNAPSHOT_PREFIX "\": %s", what);
}

/* A string that is not empty. */
static bool
copy_string(char **to, const json_t *value, const char *what, Error *err)
{
	if (!json_is_string(value) || json_string_length(value) == 0)
		return malformed(err, what);
	*to = strdup(json_string_value(value));
	return *to != NULL || error_no_memory(err);
}

static bool
read_tables(OptionList *tables, const json_t *array, Error *err)
{
	size_t		count = json_array_size(array);

	/* the size of what is no array is 0 */
	if (count == 0)
		return malformed(err, "\"tables\" is no array of patterns, or empty");
	tables->items = calloc(count, sizeof(*tables->items));
	if (tables->items == NULL)
		return error_no_memory(err);
	for (; tables->count < count; tables->count++)
		if (!copy_string(&tables->items[tables->count],
						 json_array_get(array, tables->count),
						 "\"tables\" holds what is no pattern", err))
			return false;
	return true;
}

/* So that the reader fails here, where the message is at hand, or not. */
static bool
check_patterns(const OptionList *tables, Error *err)
{
	Patterns	patterns = {0};
	bool		ok = patterns_parse(&patterns, "tables", tables, 2, err);

	patterns_free(&patterns);
	return ok || error_prefix(err, "message \"" RESNAPSHOT_PREFIX "\"");
}

static bool
read_object(ResnapshotRequest *request, json_t *object, Error *err)
{
	const char *name;
	json_t	   *value;

	if (!json_is_object(object))
		return malformed(err, "the content is no JSON object");
	json_object_foreach(object, name, value)
	{
		bool		ok;

		if (strcmp(name, "tables") == 0)
			ok = read_tables(&request->tables, value, err);
		else if (strcmp(name, "slot") == 0)
			ok = json_is_null(value) ||
				copy_string(&request->slot, value, "\"slot\" is no name", err);
		else if (strcmp(name, "sink") == 0)
			ok = json_is_null(value) ||
				copy_string(&request->sink, value, "\"sink\" is no name", err);
		else
			ok = error_set(err, ERROR_USAGE,
						   "message \"" RESNAPSHOT_PREFIX
						   "\": unknown field \"%.64s\"", name);
		if (!ok)
			return false;
	}
	if (request->tables.count == 0)
		return malformed(err, "\"tables\" is missing");
	return check_patterns(&request->tables, err);
}

bool
resnapshot_request_parse(ResnapshotRequest *request, Slice content, Error *err)
{
	json_t	   *object;
	json_error_t error;
	bool		ok;

	*request = (ResnapshotRequest) {0};
	if (content.size > RESNAPSHOT_LIMIT)
		return malformed(err, "the content is longer than 64 kB");

	/* jansson limits the depth, and refuses bad UTF-8 and NULs in strings */
	object = json_loadb((const char *) content.data, content.size,
						JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		return error_set(err, ERROR_USAGE,
						 "message \"" RESNAPSHOT_PREFIX
						 "\": the content is no JSON: %s (at byte %d)",
						 error.text, error.position);
	ok = read_object(request, object, err);
	json_decref(object);
	if (!ok)
		resnapshot_request_free(request);
	return ok;
}

/* NULL stands for all, and is left out. false: text is not UTF-8. */
static bool
put_string(json_t *object, const char *name, const char *text)
{
	return text == NULL ||
		json_object_set_new(object, name, json_string(text)) == 0;
}

static bool
put_tables(json_t *object, const OptionList *tables)
{
	json_t	   *array = json_array();
	bool		ok = array != NULL;

	for (size_t i = 0; ok && i < tables->count; i++)
		ok = json_array_append_new(array, json_string(tables->items[i])) == 0;

	/* takes over the reference, also when it fails */
	return json_object_set_new(object, "tables", array) == 0 && ok;
}

bool
resnapshot_request_write(Buf *out, const ResnapshotRequest *request,
						 Error *err)
{
	json_t	   *object = json_object();
	char	   *text = NULL;
	bool		ok = false;

	if (object == NULL)
		return error_no_memory(err);
	if (!put_tables(object, &request->tables) ||
		!put_string(object, "slot", request->slot) ||
		!put_string(object, "sink", request->sink))
		error_set(err, ERROR_USAGE,
				  "names of tables, slot and sink must be UTF-8");
	else if ((text = json_dumps(object, WRITE_FLAGS)) == NULL)
		error_no_memory(err);
	else if (strlen(text) > RESNAPSHOT_LIMIT)
		error_set(err, ERROR_USAGE,
				  "the names of the tables are longer than 64 kB together");
	else
	{
		buf_append_string(out, text);
		ok = !buf_failed(out) || error_no_memory(err);
	}
	free(text);
	json_decref(object);
	return ok;
}

void
resnapshot_request_free(ResnapshotRequest *request)
{
	for (size_t i = 0; i < request->tables.count; i++)
		free(request->tables.items[i]);
	free(request->tables.items);
	free(request->slot);
	free(request->sink);
	*request = (ResnapshotRequest) {0};
}
