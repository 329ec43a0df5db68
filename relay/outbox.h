/*
 * outbox.h
 *		Rows of an outbox table as records of their own: a row says its topic,
 *		key and content itself, and no format is asked.
 *
 * What Debezium calls the outbox event router. Between what may pass and the
 * formats; knows no sink.
 */
#ifndef PG_FANOUT_OUTBOX_H
#define PG_FANOUT_OUTBOX_H

#include "error.h"
#include "format.h"
#include "option.h"
#include "source.h"

/* As the options say it; borrowed. */
typedef struct OutboxRules
{
	const char *table;			/* pattern schema.table; NULL: no outbox */
	const char *id;				/* names of columns */
	const char *key;
	const char *type;
	const char *payload;
	const char *route;
	const char *topic;			/* template of {db} and {route} */
	const OptionList *headers;	/* COLUMN[:HEADER], with commas */
	bool		lenient;		/* what is no event is left out, not refused */
	const char *database;
} OutboxRules;

typedef struct Outbox Outbox;

typedef enum OutboxResult
{
	OUTBOX_EVENT,
	OUTBOX_DROP,				/* no event */
	OUTBOX_FAILED
} OutboxResult;

/* Valid until the next call. */
typedef struct OutboxEvent
{
	Record		record;
	Slice		line;			/* its value as JSON without line breaks; data
								 * NULL: it has none */
} OutboxEvent;

/* NULL: an option is wrong (ERROR_USAGE). What rules point to outlives it. */
extern Outbox *outbox_new(const OutboxRules *rules, Error *err);
extern void outbox_free(Outbox *outbox);

/* Whether the table is one. */
extern bool outbox_has(const Outbox *outbox, const Table *table);

/*
 * What becomes of a change of such a table. Fails where a column is missing
 * and, unless that is to be passed over, where a row was updated or makes no
 * topic.
 */
extern OutboxResult outbox_change(Outbox *outbox, const Change *change,
								  OutboxEvent *event, Error *err);

#endif							/* PG_FANOUT_OUTBOX_H */
