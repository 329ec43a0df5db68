/*
 * debezium_txn.c
 *		Counting the events of a transaction. See debezium_txn.h.
 */
#include "debezium_txn.h"

#include <stdlib.h>

#include "debezium_json.h"
#include "json_value.h"

/* A Java HashMap doubles when it is three quarters full, and stays so. */
#define FIRST_BUCKETS 16

void
debezium_txn_init(DebeziumTxn *txn)
{
	memset(txn, 0, sizeof(*txn));
	txn->buckets = FIRST_BUCKETS;
}

void
debezium_txn_begin(DebeziumTxn *txn)
{
	for (size_t i = 0; i < txn->count; i++)
		free(txn->collections[i].name);
	txn->count = 0;
	txn->events = 0;
}

void
debezium_txn_free(DebeziumTxn *txn)
{
	debezium_txn_begin(txn);
	free(txn->collections);
}

static bool
add_collection(DebeziumTxn *txn, const char *name)
{
	if (txn->count == txn->room)
	{
		size_t		room = txn->room == 0 ? 8 : txn->room * 2;
		DebeziumCollection *grown = realloc(txn->collections,
											room * sizeof(*grown));

		if (grown == NULL)
			return false;
		txn->collections = grown;
		txn->room = room;
	}
	txn->collections[txn->count].name = strdup(name);
	txn->collections[txn->count].events = 0;
	if (txn->collections[txn->count].name == NULL)
		return false;
	txn->count++;
	if (txn->count > txn->buckets / 4 * 3)
		txn->buckets *= 2;
	return true;
}

static bool
is_collection(const DebeziumTxn *txn, size_t place, const char *name)
{
	return place < txn->count &&
		strcmp(txn->collections[place].name, name) == 0;
}

bool
debezium_txn_count(DebeziumTxn *txn, const char *collection, size_t *place,
				   uint64_t *order)
{
	if (!is_collection(txn, *place, collection))
	{
		for (*place = 0; *place < txn->count; ++*place)
			if (is_collection(txn, *place, collection))
				break;
		if (*place == txn->count && !add_collection(txn, collection))
			return false;
	}
	txn->events++;
	*order = ++txn->collections[*place].events;
	return true;
}

/* ---- Java's order ---- */

/* The next character's code; bytes that are no UTF-8 count each. */
static uint32_t
next_code(const uint8_t **at)
{
	const uint8_t *text = *at;
	uint32_t	code = text[0];
	int			more = code < 0xc0 ? 0 : code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3;

	code &= more > 0 ? 0x3fu >> more : 0xff;
	for (int i = 1; i <= more && (text[i] & 0xc0) == 0x80; i++)
	{
		code = code << 6 | (text[i] & 63);
		++*at;
	}
	++*at;
	return code;
}

/* String.hashCode over UTF-16, spread as HashMap does. */
static uint32_t
java_hash(const char *name)
{
	const uint8_t *at = (const uint8_t *) name;
	uint32_t	hash = 0;

	while (*at != '\0')
	{
		uint32_t	code = next_code(&at);

		if (code >= 0x10000)
		{
			hash = hash * 31 + (0xd800 + ((code - 0x10000) >> 10));
			code = 0xdc00 + ((code - 0x10000) & 0x3ff);
		}
		hash = hash * 31 + code;
	}
	return hash ^ hash >> 16;
}

typedef struct Place
{
	size_t		bucket;
	size_t		index;
} Place;

static int
compare_places(const void *a, const void *b)
{
	const Place *left = a;
	const Place *right = b;

	if (left->bucket != right->bucket)
		return left->bucket < right->bucket ? -1 : 1;
	return (left->index > right->index) - (left->index < right->index);
}

static void
append_collection(Buf *out, const DebeziumCollection *collection)
{
	buf_append_string(out, "{\"data_collection\":");
	debezium_append_string(out, slice_of(collection->name),
						   DEBEZIUM_ESCAPE_BYTES);
	buf_append_string(out, ",\"event_count\":");
	json_append_uint(out, collection->events);
	buf_append_byte(out, '}');
}

void
debezium_txn_append(const DebeziumTxn *txn, Buf *out)
{
	Place	   *places = calloc(txn->count + 1, sizeof(*places));

	if (places == NULL)
	{
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < txn->count; i++)
	{
		places[i].bucket = java_hash(txn->collections[i].name) &
			(txn->buckets - 1);
		places[i].index = i;
	}
	qsort(places, txn->count, sizeof(*places), compare_places);
	buf_append_byte(out, '[');
	for (size_t i = 0; i < txn->count; i++)
	{
		if (i > 0)
			buf_append_byte(out, ',');
		append_collection(out, &txn->collections[places[i].index]);
	}
	buf_append_byte(out, ']');
	free(places);
}
