/*
 * schema_registry.h
 *		A schema registry with Confluent's REST API, asked one question at a
 *		time from the loop.
 *
 * Over libcurl's multi interface: nothing here waits. What may succeed later
 * (transport, 5xx, 429) is tried again for ever, after a growing, jittered
 * pause and with the next address if there are several; refusals come back as
 * answers. Knows neither tables nor formats.
 */
#ifndef PG_FANOUT_SCHEMA_REGISTRY_H
#define PG_FANOUT_SCHEMA_REGISTRY_H

#include <poll.h>

#include "buf.h"
#include "schema_options.h"
#include "schema_reply.h"

typedef struct SchemaRegistry SchemaRegistry;

typedef enum SchemaVerb
{
	SCHEMA_LOOKUP,				/* the id of this schema under the subject */
	SCHEMA_REGISTER,			/* the same, and make it if it is new */
	SCHEMA_LATEST				/* id and text of the subject's latest */
} SchemaVerb;

typedef enum SchemaType
{
	SCHEMA_AVRO,
	SCHEMA_PROTOBUF
} SchemaType;

typedef struct SchemaQuestion
{
	SchemaVerb	verb;
	SchemaType	type;
	const char *subject;
	Slice		schema;			/* its text; of SCHEMA_LATEST: unused */
} SchemaQuestion;

typedef enum SchemaOutcome
{
	SCHEMA_PENDING,
	SCHEMA_FOUND,				/* id; of SCHEMA_LATEST also text */
	SCHEMA_UNKNOWN,				/* the subject has no such schema */
	SCHEMA_NO_SUBJECT,
	SCHEMA_INCOMPATIBLE,		/* text: what the registry said */
	SCHEMA_FAILED				/* err: asking again will not help */
} SchemaOutcome;

/* Valid until the next question. */
typedef struct SchemaAnswer
{
	uint32_t	id;
	const char *text;
} SchemaAnswer;

/*
 * who: what to call it in messages ("sink lake"); both outlive it. Connects to
 * nothing. NULL: an option is not valid, or out of memory.
 */
extern SchemaRegistry *schema_registry_new(const SchemaOptions *options,
										   const char *who, Error *err);

/* Copies the question. None may be under way. */
extern MUST_USE bool schema_registry_ask(SchemaRegistry *registry,
										 const SchemaQuestion *question,
										 Error *err);

/*
 * Drives what is under way. Once it is no longer SCHEMA_PENDING the question
 * is over: another may be asked.
 */
extern SchemaOutcome schema_registry_poll(SchemaRegistry *registry,
										  SchemaAnswer *answer, Error *err);

/* As SinkOps.watch. */
extern int	schema_registry_watch(const SchemaRegistry *registry,
								  struct pollfd *fds, int room,
								  int64_t *deadline);

/* Forgets the question under way. */
extern void schema_registry_cancel(SchemaRegistry *registry);

/* NULL is allowed. */
extern void schema_registry_free(SchemaRegistry *registry);

#endif							/* PG_FANOUT_SCHEMA_REGISTRY_H */
