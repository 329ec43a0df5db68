/*
 * progress.c
 *		The line that tells how it goes.
 */
#include "progress.h"

#include <inttypes.h>

#include "bytes.h"
#include "clock.h"
#include "log.h"

#define LINE_LIMIT		1024

void
progress_init(Progress *progress, int64_t interval)
{
	*progress = (Progress) {.interval = log_is_terminal() ? CLOCK_SECOND :
		interval};
	progress->last = clock_now();
	progress->next = progress->last + progress->interval;
}

void
progress_frame(Progress *progress, size_t bytes)
{
	progress->bytes += bytes;
}

void
progress_record(Progress *progress, bool skipped)
{
	if (skipped)
		progress->skipped++;
	else
		progress->records++;
}

void
progress_commit(Progress *progress, int64_t commit_time)
{
	progress->commit_time = commit_time;
}

void
progress_append_size(Buf *line, double bytes)
{
	char		text[BYTES_TEXT_SIZE];

	buf_append_string(line, bytes_format(bytes, text));
}

static void
append_lag(Buf *line, const Progress *progress, const Feedback *feedback)
{
	Lsn			behind = feedback->received > feedback->flushed ?
		feedback->received - feedback->flushed : 0;

	buf_append_string(line, ", lag ");
	progress_append_size(line, (double) behind);
	if (behind > 0 && progress->commit_time != 0)
	{
		int64_t		age = clock_wall() - progress->commit_time;

		buf_printf(line, " / %.1f s",
				   age > 0 ? (double) age / CLOCK_SECOND : 0.0);
	}
}

static void
append_sinks(Buf *line, const Fanout *fanout)
{
	for (size_t i = 0; i < fanout_count(fanout); i++)
	{
		const Sink *sink = fanout_sink(fanout, i);
		SinkStats	stats = {0};

		if (sink->ops->progress != NULL)
		{
			sink->ops->progress(sink, line);
			continue;
		}
		sink->ops->stats(sink, &stats);
		buf_printf(line, " | %s: %" PRIu64, sink->config->name, stats.records);
		if (stats.in_flight > 0)
			buf_printf(line, " (%" PRIu64 " in flight)", stats.in_flight);
		if (stats.claim_checks > 0)
			buf_printf(line, ", %" PRIu64 " claim checks", stats.claim_checks);
		if (stats.dead_letters > 0)
			buf_printf(line, ", %" PRIu64 " dead letters", stats.dead_letters);
		if (stats.state[0] != '\0')
			buf_printf(line, " %s", stats.state);
	}
}

/* What is kept of transactions in progress. */
static void
append_spool(Buf *line, const Spool *spool)
{
	uint64_t	bytes = spool != NULL ? spool_memory(spool) +
		spool_disk(spool) : 0;

	if (bytes == 0)
		return;
	buf_append_string(line, ", in progress ");
	progress_append_size(line, (double) bytes);
}

bool
progress_due(Progress *progress, int64_t now)
{
	if (progress->interval == 0 || now < progress->next)
		return false;
	progress->next = now + progress->interval;
	return true;
}

void
progress_show(Progress *progress, const Feedback *feedback,
			  const Fanout *fanout, const Spool *spool)
{
	int64_t		now = clock_now();
	double		seconds = (double) (now - progress->last) / CLOCK_SECOND;
	Buf			line;

	if (!progress_due(progress, now))
		return;
	buf_init(&line, LINE_LIMIT);
	buf_printf(&line, "%.0f rows/s, ",
			   (double) (progress->records - progress->shown_records) /
			   seconds);
	progress_append_size(&line,
				(double) (progress->bytes - progress->shown_bytes) / seconds);
	buf_append_string(&line, "/s");
	append_lag(&line, progress, feedback);
	append_spool(&line, spool);
	if (progress->skipped > 0)
		buf_printf(&line, ", %" PRIu64 " skipped", progress->skipped);
	append_sinks(&line, fanout);
	if (!buf_failed(&line))
		log_progress(buf_string(&line));
	buf_free(&line);
	progress->shown_records = progress->records;
	progress->shown_bytes = progress->bytes;
	progress->last = now;
}
