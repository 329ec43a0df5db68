/*
 * test_fanout.c
 *		One record to several sinks: full sinks, positions, what is durable.
 *
 * The sinks here are scripted: they write down what they get and answer what
 * the test tells them to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fanout.h"
#include "log.h"

#define SINKS 2
#define LOG_SIZE 64

typedef struct Script
{
	Sink		base;
	int			full;			/* answer SINK_FULL that often */
	bool		fail;
	bool		rewind;			/* answer SINK_POLL_REWIND once */
	Position	got[LOG_SIZE];
	int			got_count;
	char		topic[256];
	char		value[256];
	Lsn			committed;
	Lsn			recorded;
} Script;

static Script *scripts[SINKS];
static int	made;
static int	rendered;

/* ---- a format that counts ---- */

static Format fake_format_instances[SINKS];
static int	formats_made;
static int	format_waits;		/* answer FORMAT_WAIT that often */
static bool frames;				/* records for begin and commit */
static bool beat;				/* a record at each tick */
static FormatOps typed_format;

static FormatResult
fake_one(Records *out, Slice value)
{
	if (format_waits > 0)
	{
		format_waits--;
		return FORMAT_WAIT;
	}
	rendered++;
	out->count = 1;
	out->records[0] = (Record) {.key = slice_of("key"), .value = value};
	return FORMAT_OK;
}

static FormatResult
fake_begin(Format *format, const Transaction *txn, Records *out, Error *err)
{
	if (frames)
		return fake_one(out, slice_of("begin"));
	return format_no_begin(format, txn, out, err);
}

static FormatResult
fake_change(Format *format, const Change *change, Position position, const char *topic,
			Records *out, Error *err)
{
	(void) format;
	(void) change;
	(void) position;
	(void) err;
	return fake_one(out, slice_of(typed_format.by_topic ? topic : "value"));
}

static FormatResult
fake_message(Format *format, const LogicalMessage *message, Position position,
			 const char *topic, Records *out, Error *err)
{
	(void) format;
	(void) position;
	(void) topic;
	(void) err;
	return fake_one(out, message->content);
}

static FormatResult
fake_commit_record(Format *format, const TxnEnd *end, Position position, Records *out,
				   Error *err)
{
	if (frames)
		return fake_one(out, slice_of("commit"));
	return format_no_commit(format, end, position, out, err);
}

static FormatResult
fake_tick(Format *format, int64_t now, Records *out, Error *err)
{
	if (beat)
		return fake_one(out, slice_of("beat"));
	return format_no_tick(format, now, out, err);
}

static void
fake_format_free(Format *format)
{
	(void) format;
}

static Format *fake_format_create(const FormatConfig *config, Error *err);

static FormatOps typed_format = {
	.name = "fake", .extension = "fake", .create = fake_format_create,
	.begin = fake_begin, .change = fake_change, .message = fake_message,
	.commit = fake_commit_record, .tick = fake_tick, .watch = format_no_watch,
	.free = fake_format_free
};

static Format *
fake_format_create(const FormatConfig *config, Error *err)
{
	(void) config;
	(void) err;
	fake_format_instances[formats_made].ops = &typed_format;
	return &fake_format_instances[formats_made++];
}

/* ---- a sink that is told what to answer ---- */

static const SinkOps fake_sink;

static Sink *
fake_create(const SinkConfig *config, Error *err)
{
	Script	   *script = calloc(1, sizeof(*script));

	(void) err;
	script->base.ops = &fake_sink;
	script->base.config = config;
	scripts[made++] = script;
	return &script->base;
}

static SinkResume
fake_resume(Sink *sink, const SlotIdentity *identity, Error *err)
{
	(void) err;
	sink->accepted = (Position) {identity->confirmed, 0};
	return SINK_NEW;
}

static SinkResult
fake_put(Sink *sink, const Delivery *delivery, Error *err)
{
	Script	   *script = (Script *) sink;

	if (script->fail)
	{
		error_set(err, ERROR_SINK_WRITE, "told to fail");
		return SINK_FAILED;
	}
	if (script->full > 0)
	{
		script->full--;
		return SINK_FULL;
	}
	script->got[script->got_count++] = delivery->position;
	snprintf(script->topic, sizeof(script->topic), "%s", delivery->topic);
	snprintf(script->value, sizeof(script->value), "%.*s",
			 (int) delivery->records[0].value.size,
			 (const char *) delivery->records[0].value.data);
	sink->accepted = delivery_end(delivery);
	return SINK_OK;
}

static SinkResult
fake_commit(Sink *sink, const TxnEnd *end, Error *err)
{
	Script	   *script = (Script *) sink;

	(void) err;
	if (script->full > 0)
	{
		script->full--;
		return SINK_FULL;
	}
	sink->accepted = (Position) {end->end_lsn, 0};
	script->committed = end->end_lsn;
	return SINK_OK;
}

static SinkPoll
fake_poll(Sink *sink, Error *err)
{
	Script	   *script = (Script *) sink;

	(void) err;
	if (script->rewind)
	{
		script->rewind = false;
		sink->accepted = (Position) {sink->durable, 0};
		return SINK_POLL_REWIND;
	}
	return SINK_POLL_OK;
}

static bool
fake_record(Sink *sink, Lsn idle, Error *err)
{
	Script	   *script = (Script *) sink;

	(void) err;
	script->recorded = idle;
	return true;
}

static int
fake_watch(Sink *sink, struct pollfd *fds, int room, int64_t *deadline)
{
	(void) sink;
	(void) fds;
	(void) room;
	(void) deadline;
	return 0;
}

static bool
fake_drain(Sink *sink, int64_t deadline, Error *err)
{
	(void) deadline;
	(void) err;
	sink->durable = ((Script *) sink)->committed;
	return true;
}

static void
fake_stats(const Sink *sink, SinkStats *stats)
{
	(void) sink;
	(void) stats;
}

static void
fake_free(Sink *sink)
{
	free(sink);
}

static const char *const fake_schemes[] = {"fake", NULL};

static const SinkOps fake_sink = {
	.name = "fake", .schemes = fake_schemes, .has_topics = true, .create = fake_create,
	.resume = fake_resume, .put = fake_put, .commit = fake_commit,
	.poll = fake_poll, .record = fake_record, .watch = fake_watch,
	.drain = fake_drain, .reopen = sink_no_reopen, .stats = fake_stats,
	.free = fake_free
};

/* ---- the bench everything stands on ---- */

static SinkCommon commons[SINKS];
static SinkSetup setups[SINKS];
static SinkSetups all = {setups, SINKS};
static Fanout *fanout;
static Error err;

static const Transaction txn = {.xid = 7, .commit_lsn = 1000, .origin = ""};
static Table table = {.oid = 42, .version = 1, .schema = "bank", .name = "customer"};
static Change change = {.txn = &txn, .table = &table};

static int
set_up(void **state)
{
	SlotIdentity identity = {.system_id = 1, .slot = "s", .database = "db", .confirmed = 500};

	(void) state;
	made = rendered = formats_made = format_waits = 0;
	frames = beat = false;
	typed_format.by_topic = typed_format.sees_all = false;
	table.version = 1;
	table.name = "customer";
	table.oid = 42;
	table.columns = NULL;
	table.column_count = 0;
	typed_format.binary = false;
	log_init(LOG_LEVEL_ERROR);
	error_clear(&err);
	for (int i = 0; i < SINKS; i++)
	{
		commons[i] = (SinkCommon) {.topic = i == 0 ? "{prefix}.{schema}.{table}" : "all",
			.message_topic = "{prefix}.message", .prefix = i == 0 ? "p" : NULL};
		setups[i] = (SinkSetup) {.name = i == 0 ? "one" : "two",
			.common = &commons[i], .ops = &fake_sink};
		setups[i].config = (SinkConfig) {.name = setups[i].name, .format = &typed_format};
	}
	fanout = fanout_new(&all, "db", &err);
	assert_non_null(fanout);
	assert_true(fanout_resume(fanout, &identity, &err));
	return 0;
}

/* With what the format is, changed since set_up. */
static void
make_again(void)
{
	SlotIdentity identity = {.system_id = 1, .slot = "s", .database = "db", .confirmed = 500};

	fanout_free(fanout);
	made = formats_made = 0;
	fanout = fanout_new(&all, "db", &err);
	assert_non_null(fanout);
	assert_true(fanout_resume(fanout, &identity, &err));
}

static int
tear_down(void **state)
{
	(void) state;
	fanout_free(fanout);
	return 0;
}

static SinkResult
offer(uint64_t seq)
{
	return fanout_change(fanout, &change, (Position) {1000, seq}, &err);
}

/* ---- tests ---- */

static void
new_sinks_are_asked_to_record(void **state)
{
	(void) state;
	assert_int_equal(scripts[0]->recorded, 500);
	assert_int_equal(scripts[1]->recorded, 500);

	/* nothing may be confirmed before they have */
	assert_int_equal(fanout_durable(fanout), 0);
}

static void
all_get_it_rendered_once(void **state)
{
	(void) state;
	assert_int_equal(offer(1), SINK_OK);
	assert_int_equal(rendered, 1);
	assert_string_equal(scripts[0]->topic, "p.bank.customer");
	assert_string_equal(scripts[1]->topic, "all");
	assert_string_equal(scripts[1]->value, "value");
	fanout_next(fanout);
	assert_int_equal(offer(2), SINK_OK);
	assert_int_equal(rendered, 2);
}

static void
records_by_topic_are_rendered_for_each(void **state)
{
	(void) state;
	typed_format.by_topic = true;
	make_again();
	assert_int_equal(offer(1), SINK_OK);
	assert_int_equal(rendered, 2);
	assert_string_equal(scripts[0]->value, "p.bank.customer");
	assert_string_equal(scripts[1]->value, "all");
}

static void
waiting_format_is_asked_again(void **state)
{
	(void) state;
	format_waits = 3;
	assert_int_equal(offer(1), SINK_FULL);
	assert_int_equal(scripts[0]->got_count + scripts[1]->got_count, 0);
	assert_int_equal(offer(1), SINK_FULL);	/* the second sink's turn gets it */
	assert_int_equal(offer(1), SINK_OK);
	assert_int_equal(scripts[0]->got_count, 1);
	assert_int_equal(scripts[1]->got_count, 1);
	assert_int_equal(rendered, 1);
}

static void
begin_and_commit_have_records(void **state)
{
	TxnEnd		end = {.txn = txn, .end_lsn = 1100};

	(void) state;
	frames = true;
	assert_int_equal(fanout_begin(fanout, &txn, &err), SINK_OK);
	fanout_next(fanout);
	assert_int_equal(offer(1), SINK_OK);
	fanout_next(fanout);
	scripts[1]->full = 1;
	assert_int_equal(fanout_commit(fanout, &end, 1, &err), SINK_FULL);
	assert_int_equal(scripts[0]->committed, 1100);
	assert_int_equal(scripts[1]->committed, 0);
	assert_int_equal(fanout_commit(fanout, &end, 1, &err), SINK_OK);
	for (int i = 0; i < SINKS; i++)
	{
		assert_int_equal(scripts[i]->got_count, 3);
		assert_int_equal(scripts[i]->got[0].seq, 0);
		assert_int_equal(scripts[i]->got[2].seq, 2);
		assert_string_equal(scripts[i]->value, "commit");
		assert_int_equal(scripts[i]->committed, 1100);
	}
}

static void
format_that_counts_sees_what_nobody_wants(void **state)
{
	(void) state;
	scripts[0]->base.accepted = scripts[1]->base.accepted = (Position) {1100, 0};
	assert_int_equal(offer(1), SINK_OK);
	assert_int_equal(rendered, 0);
	typed_format.sees_all = true;
	assert_int_equal(offer(2), SINK_OK);
	assert_int_equal(rendered, 1);
	assert_int_equal(scripts[0]->got_count, 0);
}

/* A heartbeat moves no position, and never disturbs a record that waits. */
static void
heartbeat_goes_aside(void **state)
{
	Position	before = scripts[0]->base.accepted;

	(void) state;
	beat = true;
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_OK);
	assert_int_equal(scripts[0]->got_count, 1);
	assert_string_equal(scripts[0]->value, "beat");
	assert_true(scripts[0]->base.accepted.lsn == before.lsn);
	assert_int_equal(scripts[0]->base.accepted.seq, before.seq);
	scripts[1]->full = 1;
	assert_int_equal(offer(1), SINK_FULL);
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_OK);
	assert_int_equal(scripts[0]->got_count, 2);
	assert_int_equal(offer(1), SINK_OK);
	assert_string_equal(scripts[1]->value, "value");
}

/* The stream begins where the last sink is: its notes are those of that place. */
static void
notes_of_the_sink_behind_count(void **state)
{
	(void) state;
	assert_true(fanout_note(fanout, "k", slice_of("both"), &err));
	assert_true(notes_set(&scripts[1]->base.notes, "k", slice_of("behind"), &err));
	scripts[0]->base.accepted.lsn = scripts[1]->base.accepted.lsn = 2000;
	scripts[0]->base.durable = 900;
	scripts[1]->base.durable = 800;
	assert_true(slice_equal(notes_find(fanout_notes(fanout), "k"), slice_of("behind")));
	scripts[1]->base.durable = 1000;
	assert_true(slice_equal(notes_find(fanout_notes(fanout), "k"), slice_of("both")));

	/* a sink that has none is new, and knows of no place */
	scripts[0]->base.durable = 0;
	notes_free(&scripts[0]->base.notes);
	assert_true(slice_equal(notes_find(fanout_notes(fanout), "k"), slice_of("behind")));
}

static void
full_sink_gets_it_later_others_once(void **state)
{
	(void) state;
	scripts[1]->full = 2;
	assert_int_equal(offer(1), SINK_FULL);
	assert_int_equal(offer(1), SINK_FULL);
	assert_int_equal(offer(1), SINK_OK);
	assert_int_equal(scripts[0]->got_count, 1);
	assert_int_equal(scripts[1]->got_count, 1);
	assert_int_equal(rendered, 1);
}

static void
commit_is_offered_again_too(void **state)
{
	TxnEnd		end = {.txn = txn, .end_lsn = 1100};

	(void) state;
	scripts[0]->full = 1;
	assert_int_equal(fanout_commit(fanout, &end, 0, &err), SINK_FULL);
	assert_int_equal(scripts[1]->committed, 1100);
	scripts[1]->committed = 0;
	assert_int_equal(fanout_commit(fanout, &end, 0, &err), SINK_OK);
	assert_int_equal(scripts[0]->committed, 1100);
	assert_int_equal(scripts[1]->committed, 0);
}

static void
accepted_records_are_dropped(void **state)
{
	(void) state;

	/* one sink has this transaction already, the other half of it */
	scripts[0]->base.accepted = (Position) {1100, 0};
	scripts[1]->base.accepted = (Position) {1000, 3};
	for (uint64_t seq = 1; seq <= 4; seq++)
	{
		assert_int_equal(offer(seq), SINK_OK);
		fanout_next(fanout);
	}
	assert_int_equal(scripts[0]->got_count, 0);
	assert_int_equal(scripts[1]->got_count, 2);
	assert_int_equal(scripts[1]->got[0].seq, 3);
}

static void
durable_is_the_least(void **state)
{
	(void) state;
	scripts[0]->base.accepted.lsn = scripts[1]->base.accepted.lsn = 2000;
	scripts[0]->base.durable = 900;
	scripts[1]->base.durable = 800;
	assert_int_equal(fanout_durable(fanout), 800);
	assert_false(fanout_settled(fanout, 900));
	scripts[1]->base.durable = 950;
	assert_int_equal(fanout_durable(fanout), 900);
	assert_true(fanout_settled(fanout, 900));
}

static void
idle_position_goes_to_those_behind(void **state)
{
	(void) state;
	scripts[0]->base.accepted.lsn = scripts[1]->base.accepted.lsn = 2000;
	scripts[0]->base.durable = 900;
	scripts[1]->base.durable = 800;
	assert_true(fanout_record(fanout, 900, &err));
	assert_int_equal(scripts[0]->recorded, 500);
	assert_int_equal(scripts[1]->recorded, 900);
}

static void
rewind_and_failure_come_up(void **state)
{
	(void) state;
	scripts[0]->rewind = true;
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_REWIND);
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_OK);
	scripts[1]->fail = true;
	assert_int_equal(offer(1), SINK_FAILED);
	assert_int_equal(err.code, ERROR_SINK_WRITE);
	assert_string_equal(err.message, "sink two: told to fail");
}

static void
renamed_table_goes_elsewhere(void **state)
{
	(void) state;
	assert_int_equal(offer(1), SINK_OK);
	fanout_next(fanout);
	table.version = 2;
	table.name = "client";
	assert_int_equal(offer(2), SINK_OK);
	assert_string_equal(scripts[0]->topic, "p.bank.client");
}

static void
typed_topic_has_one_numbering(void **state)
{
	Column		first[] = {{.number = 1, .name = "id", .type_name = ""}};
	Column		second[] = {{.number = 1, .name = "code", .type_name = ""}};

	(void) state;
	typed_format.binary = true;
	table.columns = first;
	table.column_count = 1;
	assert_int_equal(offer(1), SINK_OK);
	fanout_next(fanout);

	/* the same names and types may share the topic of sink "two" */
	table.oid = 43;
	table.name = "client";
	assert_int_equal(offer(2), SINK_OK);
	fanout_next(fanout);

	/* others may not */
	table.oid = 44;
	table.name = "code";
	table.columns = second;
	assert_int_equal(offer(3), SINK_FAILED);
	assert_int_equal(err.code, ERROR_RECORD);
	assert_non_null(strstr(err.message, "\"all\""));
}

static void
message_has_its_own_topic(void **state)
{
	LogicalMessage message = {.txn = NULL, .lsn = 1500, .prefix = "x",
		.content = slice_of("hello")
	};

	(void) state;
	assert_int_equal(fanout_message(fanout, &message, (Position) {1500, 0}, &err), SINK_OK);
	assert_string_equal(scripts[0]->topic, "p.message");
	assert_string_equal(scripts[1]->topic, "db.message");
	assert_string_equal(scripts[1]->value, "hello");

	/* the same one, sent again after a reconnect */
	fanout_next(fanout);
	assert_int_equal(fanout_message(fanout, &message, (Position) {1500, 0}, &err), SINK_OK);
	assert_int_equal(scripts[0]->got_count, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(new_sinks_are_asked_to_record),
		TEST(all_get_it_rendered_once),
		TEST(records_by_topic_are_rendered_for_each),
		TEST(waiting_format_is_asked_again),
		TEST(begin_and_commit_have_records),
		TEST(format_that_counts_sees_what_nobody_wants),
		TEST(heartbeat_goes_aside),
		TEST(notes_of_the_sink_behind_count),
		TEST(full_sink_gets_it_later_others_once),
		TEST(commit_is_offered_again_too),
		TEST(accepted_records_are_dropped),
		TEST(durable_is_the_least),
		TEST(idle_position_goes_to_those_behind),
		TEST(rewind_and_failure_come_up),
		TEST(renamed_table_goes_elsewhere),
		TEST(typed_topic_has_one_numbering),
		TEST(message_has_its_own_topic),
	};

	return cmocka_run_group_tests_name("fanout", tests, NULL, NULL);
}
