/*
 * fuzz_plugin.c
 *		Frames of our own plugin: framing, control records, changes and the
 *		rows in them, streamed transactions.
 */
#include "fuzz.h"
#include "spool.h"

extern const SourceOps source_plugin_ops;

static Spool *
make_spool(void)
{
	static Spool *spool;
	const SpoolConfig config = {.memory = 1 << 24};
	Error		err;

	if (spool == NULL)
		spool = spool_new(&config, &err);
	return spool;
}

/* Everything that the frame leads to; false: refused. */
static bool
drain(Source *source)
{
	SourceEvent event;
	Error		err;

	for (;;)
	{
		error_clear(&err);
		switch (source->ops->next(source, &event, &err))
		{
			case SOURCE_EMPTY:
				return true;
			case SOURCE_CHANGE:
				fuzz_read_change(&event.change, false);
				break;
			case SOURCE_WANTS_TABLE:
				abort();
			case SOURCE_FAILED:
				if (err.message[0] == '\0')
					abort();
				return false;
			default:
				break;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SourceConfig config = {.server_version = 160000, .spool = make_spool()};
	Slice		input = slice_make(data, size);
	Slice		frame;
	Error		err;
	Source	   *source;

	error_clear(&err);
	source = source_plugin_ops.create(&config, &err);
	while (fuzz_next_frame(&input, &frame))
		if (!source->ops->feed(source, frame, 1, &err) || !drain(source))
			source->ops->reset(source);
	source->ops->free(source);
	return 0;
}
