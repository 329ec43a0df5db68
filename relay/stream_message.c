/*
 * stream_message.c
 *		One message of a replication stream. See stream_message.h.
 */
#include "stream_message.h"

/* 'w', the data's position, the server's, its clock; then the data */
#define DATA_HEADER		25

/* 'k', the server's position, its clock, whether it wants a reply */
#define KEEPALIVE_SIZE	18

static uint64_t
read_uint64(const uint8_t *at)
{
	uint64_t	value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

StreamMessageKind
stream_message_parse(Slice bytes, StreamMessage *message)
{
	const uint8_t *at = bytes.data;

	*message = (StreamMessage) {0};
	if (bytes.size >= DATA_HEADER && at[0] == 'w')
	{
		message->start = read_uint64(at + 1);
		message->server_end = read_uint64(at + 9);
		message->data = slice_make(at + DATA_HEADER,
								   bytes.size - DATA_HEADER);
		return STREAM_MESSAGE_DATA;
	}
	if (bytes.size >= KEEPALIVE_SIZE && at[0] == 'k')
	{
		message->server_end = read_uint64(at + 1);
		message->reply_requested = at[KEEPALIVE_SIZE - 1] != 0;
		return STREAM_MESSAGE_KEEPALIVE;
	}
	return STREAM_MESSAGE_UNKNOWN;
}
