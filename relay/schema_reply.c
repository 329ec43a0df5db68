/*
 * schema_reply.c
 *		What a schema registry answered. See schema_reply.h.
 */
#include "schema_reply.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Error codes of the Confluent API that say more than the status. */
enum
{
	REGISTRY_SUBJECT_MISSING = 40401,
	REGISTRY_VERSION_MISSING = 40402,
	REGISTRY_SCHEMA_MISSING = 40403
};

/* A message goes into a line of the log; no character is cut in two. */
static void
copy_plain(char *to, size_t room, const char *from, size_t size)
{
	size_t		used = size < room ? size : room - 1;

	if (used < size)
		while (used > 0 && ((unsigned char) from[used] & 0xc0) == 0x80)
			used--;
	for (size_t i = 0; i < used; i++)
		to[i] = (unsigned char) from[i] < ' ' ? ' ' : from[i];
	to[used] = '\0';
}

static void
read_members(SchemaReply *reply, const json_t *body)
{
	const json_t *id = json_object_get(body, "id");
	const json_t *code = json_object_get(body, "error_code");
	const json_t *message = json_object_get(body, "message");
	const json_t *schema = json_object_get(body, "schema");

	if (json_is_integer(id) && json_integer_value(id) >= 0 &&
		json_integer_value(id) <= INT32_MAX)
	{
		reply->has_id = true;
		reply->id = (uint32_t) json_integer_value(id);
	}
	if (json_is_integer(code) && json_integer_value(code) > 0 &&
		json_integer_value(code) <= INT32_MAX)
		reply->error_code = (int) json_integer_value(code);
	if (json_is_string(message))
		copy_plain(reply->message, sizeof(reply->message),
				   json_string_value(message), json_string_length(message));
	if (json_is_string(schema))
		reply->schema = strndup(json_string_value(schema),
								json_string_length(schema));
}

void
schema_reply_read(SchemaReply *reply, Slice body)
{
	json_t	   *root = NULL;

	*reply = (SchemaReply) {0};
	if (body.size > 0 && body.size <= SCHEMA_REPLY_LIMIT)
		root = json_loadb((const char *) body.data, body.size,
						  JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(root))
		read_members(reply, root);
	json_decref(root);
}

static SchemaVerdict
judge_missing(const SchemaReply *reply)
{
	switch (reply->error_code)
	{
		case REGISTRY_SUBJECT_MISSING:
			return SCHEMA_REPLY_NO_SUBJECT;
		case REGISTRY_VERSION_MISSING:
		case REGISTRY_SCHEMA_MISSING:
			return SCHEMA_REPLY_UNKNOWN;
		default:
			/* a wrong path, or a proxy's word */
			return SCHEMA_REPLY_STRANGE;
	}
}

SchemaVerdict
schema_reply_judge(long status, const SchemaReply *reply)
{
	if (status >= 200 && status < 300)
		return reply->has_id ? SCHEMA_REPLY_GOOD : SCHEMA_REPLY_STRANGE;
	if (status == 404)
		return judge_missing(reply);
	if (status == 409)
		return SCHEMA_REPLY_INCOMPATIBLE;
	if (status == 422)
		return SCHEMA_REPLY_INVALID;
	if (status == 401 || status == 403 || status == 407)
		return SCHEMA_REPLY_DENIED;
	if (status >= 500 || status == 408 || status == 425 || status == 429)
		return SCHEMA_REPLY_AGAIN;
	return SCHEMA_REPLY_STRANGE;
}

void
schema_reply_free(SchemaReply *reply)
{
	free(reply->schema);
	*reply = (SchemaReply) {0};
}
