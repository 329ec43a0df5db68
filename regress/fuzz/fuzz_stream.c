/*
 * fuzz_stream.c
 *		Messages of the replication stream: keepalives and data.
 */
#include "fuzz.h"
#include "stream_message.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	StreamMessage message;

	switch (stream_message_parse(slice_make(data, size), &message))
	{
		case STREAM_MESSAGE_DATA:
			if (message.data.data < data ||
				message.data.data + message.data.size != data + size)
				abort();
			break;
		case STREAM_MESSAGE_KEEPALIVE:
			if (message.data.data != NULL)
				abort();
			break;
		case STREAM_MESSAGE_UNKNOWN:
			break;
	}
	return 0;
}
