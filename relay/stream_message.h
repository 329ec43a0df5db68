/*
 * stream_message.h
 *		One message of a replication stream, taken apart. Pure.
 */
#ifndef PG_FANOUT_STREAM_MESSAGE_H
#define PG_FANOUT_STREAM_MESSAGE_H

#include "buf.h"
#include "lsn.h"

typedef enum StreamMessageKind
{
	STREAM_MESSAGE_DATA,		/* data, start, server_end */
	STREAM_MESSAGE_KEEPALIVE,	/* server_end, reply_requested */
	STREAM_MESSAGE_UNKNOWN		/* another kind, or cut short */
} StreamMessageKind;

typedef struct StreamMessage
{
	Slice		data;			/* a part of the message */
	Lsn			start;			/* of its record; 0 if the server gives none */
	Lsn			server_end;		/* the server's position when sent */
	bool		reply_requested;
} StreamMessage;

extern StreamMessageKind stream_message_parse(Slice bytes,
											  StreamMessage *message);

#endif							/* PG_FANOUT_STREAM_MESSAGE_H */
