/*
 * relay_records.c
 *		The way of a record: from the source, through what may pass, to every
 *		sink. See relay_state.h.
 *
 * A record is taken only when every sink has taken the one before; one that a
 * sink has no room for stays at hand.
 */
#include "relay_state.h"

#include "bad_record.h"
#include "clock.h"
#include "failpoint.h"

#define RECORDS_PER_TURN		4096	/* between looks at the sinks, */
#define TURN_TIME				(CLOCK_SECOND / 10) /* or after that */
#define RECORDS_PER_LOOK		64	/* at the clock */

static void
count_record(Relay *relay)
{
	relay->seq++;
	relay->pending.position.seq = relay->seq;
}

/* Takes note of a new record before it is offered. */
static void
receive(Relay *relay, SourceResult kind)
{
	Pending    *pending = &relay->pending;

	pending->kind = kind;
	switch (kind)
	{
		case SOURCE_BEGIN:
			relay->in_transaction = true;
			relay->seq = relay->snapshot != NULL ?
				snapshot_numbers(relay->snapshot) : 0;
			pending->position.lsn = pending->event.txn.commit_lsn;
			if (relay->endpos != LSN_INVALID &&
				pending->event.txn.commit_lsn > relay->endpos)
				relay->end_reached = true;
			break;
		case SOURCE_CHANGE:
			count_record(relay);
			break;
		case SOURCE_MESSAGE:
			if (pending->event.message.txn != NULL)
				count_record(relay);
			else
				pending->position = (Position) {pending->event.message.lsn, 0};
			break;
		default:
			break;
	}
}

static SinkResult
offer_commit(Relay *relay, Error *err)
{
	const TxnEnd *end = &relay->pending.event.end;
	SinkResult	result;

	if (!failpoint_passes(FAILPOINT_COMMIT, err))
		return SINK_FAILED;
	result = fanout_commit(relay->fanout, end, relay->seq, err);
	if (result != SINK_OK)
		return result;
	relay->in_transaction = false;
	relay->feedback.delivered = end->end_lsn;
	feedback_received(&relay->feedback, end->end_lsn);
	progress_commit(&relay->progress, end->txn.commit_time);
	if (relay->endpos != LSN_INVALID && end->end_lsn >= relay->endpos)
		relay->end_reached = true;
	return SINK_OK;
}

static SinkResult
offer_pending(Relay *relay, Error *err)
{
	Pending    *pending = &relay->pending;

	if (pending->skipped)
		return fanout_skip(relay->fanout, pending->kind, &pending->event,
						   pending->position, relay->skip.reason, err);
	switch (pending->kind)
	{
		case SOURCE_BEGIN:
			return fanout_begin(relay->fanout, &pending->event.txn, err);
		case SOURCE_CHANGE:
			if (!failpoint_passes(FAILPOINT_RECORD, err))
				return SINK_FAILED;
			return fanout_change(relay->fanout, &pending->event.change,
								 pending->position, err);
		case SOURCE_MESSAGE:
			return fanout_message(relay->fanout, &pending->event.message,
								  pending->position, err);
		case SOURCE_COMMIT:
			return offer_commit(relay, err);
		default:
			return SINK_OK;
	}
}

/* A record that stops us is named, so that a person may leave it out. */
static SinkResult
offer(Relay *relay, Error *err)
{
	const Pending *pending = &relay->pending;
	SinkResult	result = offer_pending(relay, err);

	if (result == SINK_FAILED && err->code == ERROR_RECORD &&
		(pending->kind == SOURCE_CHANGE || pending->kind == SOURCE_MESSAGE))
		bad_record_explain(err, pending->position);
	return result;
}

static void
settle(Relay *relay)
{
	Pending    *pending = &relay->pending;

	if (pending->kind == SOURCE_CHANGE || pending->kind == SOURCE_MESSAGE)
		progress_record(&relay->progress, pending->skipped);
	fanout_next(relay->fanout);
	pending->kind = SOURCE_EMPTY;
	pending->skipped = false;
}

/* Answers the source's question. */
static StepResult
describe_table(Relay *relay, Error *err)
{
	TablePicture *picture = catalog_session_ask(&relay->catalog,
											&relay->pending.event.wish, err);
	SourceNote	note;
	bool		ok;

	if (picture == NULL)
		return STEP_LOST;
	ok = relay->source->ops->describe(relay->source, picture, &note, err);
	catalog_picture_free(picture);
	if (ok && note.value.data != NULL)
		ok = fanout_note(relay->fanout, note.key, note.value, err);
	return ok ? STEP_GO_ON : STEP_FAILED;
}

/* What a format wants to know of a table before it sees a change of it. */
static StepResult
tell_detail(Relay *relay, Error *err)
{
	const Table *table = relay->pending.event.change.table;
	TableDetail *detail;
	bool		ok;

	if (relay->pending.kind != SOURCE_CHANGE ||
		!fanout_wants_detail(relay->fanout, table))
		return STEP_GO_ON;
	detail = catalog_session_detail(&relay->catalog, table->oid, err);
	if (detail == NULL)
		return STEP_LOST;
	transform_detail(relay->transform, table, detail);
	ok = fanout_describe(relay->fanout, table, detail, err);
	catalog_detail_free(detail);
	return ok ? STEP_GO_ON : STEP_FAILED;
}

/*
 * What may pass of the record at hand; it is dropped if nothing may. Its
 * number it keeps: positions do not depend on what is left out.
 */
static bool
filter_record(Relay *relay, Error *err)
{
	Pending    *pending = &relay->pending;

	if (pending->kind == SOURCE_MESSAGE &&
		!transform_wants_message(relay->transform,
								 pending->event.message.prefix))
		pending->kind = SOURCE_EMPTY;
	if (pending->kind != SOURCE_CHANGE)
		return true;
	if (relay->snapshot == NULL &&
		snapshot_covers(&relay->cover, pending->event.change.table->oid,
						pending->position.lsn))
	{
		pending->kind = SOURCE_EMPTY;
		return true;
	}
	switch (transform_change(relay->transform, &pending->event.change, err))
	{
		case TRANSFORM_PASS:
			break;
		case TRANSFORM_DROP:
			pending->kind = SOURCE_EMPTY;
			break;
		case TRANSFORM_FAILED:
			return false;
	}
	return true;
}

static StepResult
fail_filter(const Relay *relay, Error *err)
{
	if (err->code == ERROR_RECORD)
		bad_record_explain(err, relay->pending.position);
	return STEP_FAILED;
}

/* A row that takes a message's place, or what the source has. */
static SourceResult
next_event(Relay *relay, StepResult *step, Error *err)
{
	SourceResult kind = SOURCE_EMPTY;

	if (relay->snapshot != NULL)
		return relay_snapshot_next(relay, err);
	if (relay_resnapshot_row(relay, &kind, step, err) || *step != STEP_GO_ON)
		return kind;
	return relay->source->ops->next(relay->source, &relay->pending.event, err);
}

/* What the record at hand means for tables that are read again. */
static StepResult
tell_resnapshot(Relay *relay, Error *err)
{
	Pending    *pending = &relay->pending;
	bool		ours = false;

	if (relay->snapshot != NULL)
		return STEP_GO_ON;
	if (pending->kind == SOURCE_CHANGE)
		return relay_resnapshot_change(relay, err);
	if (pending->kind == SOURCE_MESSAGE &&
		!relay_resnapshot_message(relay, &ours, err))
		return STEP_FAILED;
	if (ours)
		pending->kind = SOURCE_EMPTY;
	return STEP_GO_ON;
}

/*
 * Asks the source for the next record, which may be none that counts; *empty:
 * the frame at hand is used up. *again: the clock is to be looked at first.
 */
static StepResult
take_record(Relay *relay, bool *empty, bool *again, Error *err)
{
	StepResult	step = STEP_GO_ON;
	SourceResult kind = next_event(relay, &step, err);

	if (step != STEP_GO_ON)
		return step;
	switch (kind)
	{
		case SOURCE_FAILED:
			return err->retriable ? STEP_LOST : STEP_FAILED;
		case SOURCE_WANTS_TABLE:
			return describe_table(relay, err);
		case SOURCE_EMPTY:
			relay->in_frame = false;
			*empty = true;
			return STEP_GO_ON;
		case SOURCE_AGAIN:
			*again = true;
			return STEP_GO_ON;
		default:
			break;
	}
	receive(relay, kind);
	if (relay->end_reached)
		return STEP_DONE;
	if (!relay_skip_look(&relay->skip, relay->fanout, kind,
						 &relay->pending.event, relay->pending.position,
						 &relay->pending.skipped, err))
		return STEP_FAILED;
	step = tell_resnapshot(relay, err);
	if (step != STEP_GO_ON)
		return step;
	if (!filter_record(relay, err))
	{
		if (!relay->pending.skipped)
			return fail_filter(relay, err);
		error_clear(err);
		relay->pending.kind = SOURCE_EMPTY;
	}
	return tell_detail(relay, err);
}

StepResult
relay_read_records(Relay *relay, bool *empty, Error *err)
{
	int64_t		deadline = clock_now() + TURN_TIME;
	bool		again = false;

	*empty = false;
	for (int i = 1; i <= RECORDS_PER_TURN && !relay->end_reached; i++)
	{
		if (i % RECORDS_PER_LOOK == 0 && clock_now() > deadline)
			break;
		if (relay->pending.kind == SOURCE_EMPTY)
		{
			StepResult	result = take_record(relay, empty, &again, err);

			if (result != STEP_GO_ON || *empty || again)
				return result;
		}
		switch (offer(relay, err))
		{
			case SINK_OK:
				settle(relay);
				break;
			case SINK_FULL:
				relay->blocked = true;
				return STEP_GO_ON;
			case SINK_FAILED:
				return STEP_FAILED;
		}
	}
	return relay->end_reached ? STEP_DONE : STEP_GO_ON;
}
