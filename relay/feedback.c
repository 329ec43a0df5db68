/*
 * feedback.c
 *		What the server is told. See feedback.h for the rules.
 */
#include "feedback.h"

#include <assert.h>

#include "clock.h"

#define IDLE_INTERVAL		(10 * CLOCK_SECOND)
#define URGENT_INTERVAL		(CLOCK_SECOND / 5)
/* Without an option and a timeout: a dead link is noticed by writing. */
#define MAX_INTERVAL		(60 * CLOCK_SECOND)
/* Between replies that tell nothing new. */
#define REPLY_INTERVAL		(CLOCK_SECOND / 10)
/* A moved position is told after this long even if no status is due. */
#define MOVED_INTERVAL		CLOCK_SECOND

void
feedback_start(Feedback *feedback, int64_t interval, int64_t sender_timeout,
			   int64_t now)
{
	int64_t		most = sender_timeout > 0 ? sender_timeout / 3 : MAX_INTERVAL;

	feedback->interval = interval > 0 && interval < most ? interval : most;
	feedback->next_status = now;
	feedback->received = LSN_INVALID;
	feedback->sent = LSN_INVALID;
	feedback->told = 0;
}

void
feedback_received(Feedback *feedback, Lsn position)
{
	if (position > feedback->received)
		feedback->received = position;
}

void
feedback_advance(Feedback *feedback, Lsn durable)
{
	Lsn			before = feedback->flushed;

	if (durable > feedback->flushed)
		feedback->flushed = durable;
	assert(feedback->flushed >= before);
	(void) before;
}

bool
feedback_wants_idle(Feedback *feedback, bool idle, bool urgent, int64_t now)
{
	int64_t		wait = urgent ? URGENT_INTERVAL : IDLE_INTERVAL;

	if (!idle || feedback->received <= feedback->flushed)
		return false;
	if (now - feedback->last_idle < wait)
		return false;
	feedback->last_idle = now;
	return true;
}

bool
feedback_due(const Feedback *feedback, int64_t now)
{
	if (now >= feedback->next_status)
		return true;
	return feedback->flushed > feedback->sent &&
		now >= feedback->next_status - feedback->interval + MOVED_INTERVAL;
}

int64_t
feedback_reply_time(const Feedback *feedback, int64_t now)
{
	if (feedback->told == 0 || feedback->flushed > feedback->sent)
		return now;
	return feedback->told + REPLY_INTERVAL;
}

void
feedback_told(Feedback *feedback, int64_t now)
{
	feedback->told = now;
	feedback->sent = feedback->flushed;
	feedback->next_status = now + feedback->interval;
}
