/*
 * avro_head.c
 *		What all records of one kind share.
 */
#include "avro_head.h"

#include <stdlib.h>

#define HEAD_LIMIT		((size_t) 16 << 20)

static const char head_begin[] = "{\"schema\":";
static const char head_end[] = ",\"payload\":";

/* ---- finding a head's end ---- */

/* Behind the JSON object that begins at; NULL: it does not end. */
static const uint8_t *
skip_object(const uint8_t *at, const uint8_t *end)
{
	int			depth = 0;
	bool		string = false;

	for (; at < end; at++)
	{
		if (string)
		{
			if (*at == '\\')
				at++;
			else if (*at == '"')
				string = false;
		}
		else if (*at == '"')
			string = true;
		else if (*at == '{')
			depth++;
		else if (*at == '}' && --depth == 0)
			return at + 1;
	}
	return NULL;
}

/* The schema in a record; data NULL: there is none. */
static Slice
find_schema(Slice record)
{
	size_t		begin = sizeof(head_begin) - 1;
	size_t		rest = sizeof(head_end) - 1;
	const uint8_t *end = record.data + record.size;
	const uint8_t *at;

	if (record.size <= begin || memcmp(record.data, head_begin, begin) != 0)
		return slice_make(NULL, 0);
	at = skip_object(record.data + begin, end);
	if (at == NULL || (size_t) (end - at) < rest ||
		memcmp(at, head_end, rest) != 0)
		return slice_make(NULL, 0);
	return slice_make(record.data + begin,
					  (size_t) (at - record.data) - begin);
}

/* ---- looking one up ---- */

static bool
begins_with(Slice record, const Buf *head)
{
	return record.size >= head->size &&
		memcmp(record.data, head->data, head->size) == 0;
}

static bool
head_fits(const AvroHead *head, const char *topic, const Record *record)
{
	const Buf  *key = &head->heads[SCHEMA_KEY];

	if ((record->key.data != NULL) != (key->size > 0) ||
		strcmp(head->topic, topic) != 0 ||
		(key->size > 0 && !begins_with(record->key, key)))
		return false;
	return record->value.data == NULL ||
		begins_with(record->value, &head->heads[SCHEMA_VALUE]);
}

/* FNV-1a; 0 is no key of the map. */
static uint32_t
hash_topic(const char *topic)
{
	uint32_t	hash = 2166136261u;

	for (; *topic != '\0'; topic++)
		hash = (hash ^ (unsigned char) *topic) * 16777619u;
	return hash == 0 ? 1 : hash;
}

/* ---- making one ---- */

static void
free_head(AvroHeads *heads, AvroHead *head)
{
	schema_binding_free(&heads->binder, head->binding);
	for (int part = 0; part < SCHEMA_PARTS; part++)
	{
		avro_schema_free(&head->schemas[part]);
		buf_free(&head->heads[part]);
	}
	free(head->topic);
	free(head);
}

static bool
take_head(AvroHead *head, SchemaPart part, Slice record, Error *err)
{
	Slice		schema = find_schema(record);

	if (schema.data == NULL)
		return error_set(err, ERROR_INTERNAL, "record without a schema for topic \"%s\"",
						 head->topic);
	buf_append(&head->heads[part], record.data,
			   sizeof(head_begin) - 1 + schema.size + sizeof(head_end) - 1);
	if (buf_failed(&head->heads[part]))
		return error_no_memory(err);
	return avro_schema_make(&head->schemas[part], schema, err);
}

static bool
fill_head(AvroHeads *heads, AvroHead *head, const Record *record, Error *err)
{
	SchemaDraft draft = {.topic = head->topic,
	.keyed = record->key.data != NULL};

	if ((draft.keyed && !take_head(head, SCHEMA_KEY, record->key, err)) ||
		!take_head(head, SCHEMA_VALUE, record->value, err))
		return false;
	for (int part = 0; part < SCHEMA_PARTS; part++)
	{
		draft.texts[part] = head->schemas[part].text;
		draft.names[part] = head->schemas[part].name;
	}
	head->binding = schema_binding_new(&heads->binder, &draft, err);
	return head->binding != NULL;
}

static AvroHead *
make_head(AvroHeads *heads, const char *topic, const Record *record,
		  Error *err)
{
	AvroHead   *head = calloc(1, sizeof(*head));
	uint32_t	hash = hash_topic(topic);

	if (head == NULL || (head->topic = strdup(topic)) == NULL)
	{
		free(head);
		error_no_memory(err);
		return NULL;
	}
	for (int part = 0; part < SCHEMA_PARTS; part++)
		buf_init(&head->heads[part], HEAD_LIMIT);
	if (fill_head(heads, head, record, err))
	{
		head->next = oid_map_find(&heads->topics, hash);
		if (oid_map_set(&heads->topics, hash, head))
			return head;
		error_no_memory(err);
	}
	free_head(heads, head);
	return NULL;
}

AvroHead *
avro_head_find(AvroHeads *heads, const char *topic, const Record *record,
			   Error *err)
{
	uint32_t	hash = hash_topic(topic);
	AvroHead   *first = oid_map_find(&heads->topics, hash);
	AvroHead   *before = NULL;

	for (AvroHead *head = first; head != NULL; head = head->next)
	{
		if (head_fits(head, topic, record))
		{
			if (before == NULL)
				return head;
			before->next = head->next;
			head->next = first;
			if (oid_map_set(&heads->topics, hash, head))
				return head;
			error_no_memory(err);
			return NULL;
		}
		before = head;
	}
	if (record->value.data != NULL)
		return make_head(heads, topic, record, err);
	error_set(err, ERROR_INTERNAL, "tombstone before any record of its key in topic \"%s\"",
			  topic);
	return NULL;
}

Slice
avro_head_payload(const AvroHead *head, SchemaPart part, Slice record)
{
	size_t		skip = head->heads[part].size;

	return slice_make(record.data + skip, record.size - skip - 1);
}

void
avro_heads_free(AvroHeads *heads)
{
	for (size_t i = 0; i < heads->topics.capacity; i++)
	{
		AvroHead   *head = heads->topics.entries[i].value;

		while (head != NULL)
		{
			AvroHead   *next = head->next;

			free_head(heads, head);
			head = next;
		}
	}
	free(heads->topics.entries);
	heads->topics = (OidMap) {0};
}
