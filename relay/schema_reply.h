/*
 * schema_reply.h
 *		What a schema registry answered: its JSON taken apart and judged.
 *
 * Pure: bytes in, meaning out. The registry may be of any make (Confluent,
 * Apicurio, Karapace, Redpanda) or no registry at all, so nothing is trusted:
 * neither its size, nor its depth, nor that it is JSON.
 */
#ifndef PG_FANOUT_SCHEMA_REPLY_H
#define PG_FANOUT_SCHEMA_REPLY_H

#include "buf.h"
#include "error.h"

/* An answer holds a schema at most: 1,600 columns fit many times over. */
#define SCHEMA_REPLY_LIMIT	((size_t) 8 << 20)

typedef struct SchemaReply
{
	bool		has_id;
	uint32_t	id;				/* of a schema; a registry's are 1 to 2^31-1 */
	int			error_code;		/* 40401...; 0: none said */
	char		message[ERROR_TEXT_SIZE];	/* of an error; or empty */
	char	   *schema;			/* its text; NULL: none; owned */
} SchemaReply;

typedef enum SchemaVerdict
{
	SCHEMA_REPLY_GOOD,
	SCHEMA_REPLY_UNKNOWN,		/* the subject has no such schema or version */
	SCHEMA_REPLY_NO_SUBJECT,	/* there is no such subject */
	SCHEMA_REPLY_INCOMPATIBLE,	/* against the subject's earlier versions */
	SCHEMA_REPLY_INVALID,		/* the registry cannot read the schema */
	SCHEMA_REPLY_DENIED,		/* user, password, token or right missing */
	SCHEMA_REPLY_AGAIN,			/* worth trying later */
	SCHEMA_REPLY_STRANGE		/* nothing a schema registry says */
} SchemaVerdict;

/*
 * Reads the body of an answer; what is missing or of another type stays unset.
 * Free with schema_reply_free, always.
 */
extern void schema_reply_read(SchemaReply *reply, Slice body);

extern SchemaVerdict schema_reply_judge(long status, const SchemaReply *reply);

extern void schema_reply_free(SchemaReply *reply);

#endif							/* PG_FANOUT_SCHEMA_REPLY_H */
