/*
 * test_relay_backlog.c
 *		The spool between the loop and the sinks: what each sink gets, and how
 *		far the slot may be confirmed.
 *
 * The sinks are scripted: they take or refuse, and are durable when told so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "registry.h"
#include "relay_backlog_state.h"

#define SINKS		2
#define GOT			256

typedef struct Script
{
	Sink		base;
	bool		full;
	bool		rewind;			/* answer SINK_POLL_REWIND once */
	ErrorCode	fails;			/* when it is polled; ERROR_NONE: it does not */
	Position	got[GOT];
	int			got_count;
	char		last[64];
	Lsn			committed;
	Lsn			recorded;
} Script;

static char directory[64];
static Script *scripts[SINKS];
static atomic_int made[SINKS];	/* how often */
static Lsn	checkpoints[SINKS]; /* LSN_INVALID: the sink is new */
static bool away[SINKS];		/* cannot be opened */
static Error err;
static Settings settings;
static SinkCommon commons[SINKS];
static SinkSetup setups[SINKS];
static SinkSetups all = {setups, SINKS};
static RelayBacklog *spool;
static Fanout *fanout;
static SlotIdentity identity;

/* ---- a disk that is told what to answer ---- */

static atomic_bool disk_hangs;
static atomic_bool disk_fails;
static atomic_int syncs;

/* In place of the C library's. */
int
fdatasync(int fd)
{
	(void) fd;
	atomic_fetch_add(&syncs, 1);
	while (atomic_load(&disk_hangs))
		usleep(1000);
	errno = EIO;
	return atomic_load(&disk_fails) ? -1 : 0;
}

/* ---- a sink that is told what to answer ---- */

static const SinkOps fake_sink;

static Sink *
fake_create(const SinkConfig *config, Error *error)
{
	Script	   *script = calloc(1, sizeof(*script));

	(void) error;
	script->base.ops = &fake_sink;
	script->base.config = config;
	scripts[config->name[0] - 'a'] = script;
	made[config->name[0] - 'a']++;
	return &script->base;
}

static SinkResume
fake_resume(Sink *sink, const SlotIdentity *slot, Error *error)
{
	int			index = sink->config->name[0] - 'a';
	Lsn			covered = slot->covered != LSN_INVALID ? slot->covered : slot->confirmed;

	if (away[index])
	{
		error_set(error, ERROR_SINK_SETUP, "told to be away");
		return SINK_RESUME_FAILED;
	}
	if (checkpoints[index] == LSN_INVALID)
	{
		sink->accepted = (Position) {slot->confirmed, 0};
		return SINK_NEW;
	}
	if (checkpoints[index] < covered)
	{
		error_set(error, ERROR_CHECKPOINT, "a gap");
		return SINK_RESUME_FAILED;
	}
	sink->accepted = (Position) {checkpoints[index], 0};
	sink->durable = checkpoints[index];
	return SINK_RESUMED;
}

static SinkResult
fake_put(Sink *sink, const Delivery *delivery, Error *error)
{
	Script	   *script = (Script *) sink;

	(void) error;
	if (script->full)
		return SINK_FULL;
	if (script->got_count < GOT)
		script->got[script->got_count++] = delivery->position;
	snprintf(script->last, sizeof(script->last), "%.*s",
			 (int) (delivery->records[0].value.size < 60 ? delivery->records[0].value.size : 60),
			 (const char *) delivery->records[0].value.data);
	sink->accepted = delivery_end(delivery);
	return SINK_OK;
}

static SinkResult
fake_commit(Sink *sink, const TxnEnd *end, Error *error)
{
	(void) error;
	sink->accepted = (Position) {end->end_lsn, 0};
	((Script *) sink)->committed = end->end_lsn;
	return SINK_OK;
}

static SinkPoll
fake_poll(Sink *sink, Error *error)
{
	Script	   *script = (Script *) sink;

	if (script->fails != ERROR_NONE)
	{
		error_set(error, script->fails, "told to fail");
		return SINK_POLL_FAILED;
	}
	if (!script->rewind)
		return SINK_POLL_OK;
	script->rewind = false;
	sink->accepted = (Position) {sink->durable, 0};
	return SINK_POLL_REWIND;
}

static bool
fake_record(Sink *sink, Lsn idle, Error *error)
{
	(void) error;
	((Script *) sink)->recorded = idle;
	sink->accepted = (Position) {idle, 0};
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
fake_drain(Sink *sink, int64_t deadline, Error *error)
{
	(void) sink;
	(void) deadline;
	(void) error;
	return true;
}

static void
fake_stats(const Sink *sink, SinkStats *stats)
{
	(void) sink;
	memset(stats, 0, sizeof(*stats));
}

static void
fake_free(Sink *sink)
{
	scripts[sink->config->name[0] - 'a'] = NULL;
	free(sink);
}

static const char *const fake_schemes[] = {"fake", NULL};

static const SinkOps fake_sink = {
	.name = "fake", .schemes = fake_schemes, .create = fake_create,
	.resume = fake_resume, .put = fake_put, .commit = fake_commit,
	.poll = fake_poll, .record = fake_record, .watch = fake_watch,
	.drain = fake_drain, .reopen = sink_no_reopen, .stats = fake_stats,
	.free = fake_free
};

/* ---- the bench everything stands on ---- */

static void
empty_directory(void)
{
	DIR		   *dir = opendir(directory);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

static RelaySkip skip;

static bool
start(void)
{
	RelayBacklogConfig config = {
		.skip = &skip,
		.settings = &settings, .sinks = &all, .database = "db"
	};

	error_clear(&err);
	spool = relay_backlog_new(&config, &err);
	assert_non_null(spool);
	fanout = relay_backlog_fanout(spool, &err);
	assert_non_null(fanout);
	return fanout_resume(fanout, &identity, &err);
}

/* What the sinks have made durable is in their checkpoints. */
static void
stop(void)
{
	for (int i = 0; i < SINKS; i++)
		if (scripts[i] != NULL && scripts[i]->base.durable != LSN_INVALID)
			checkpoints[i] = scripts[i]->base.durable;
	fanout_free(fanout);
	relay_backlog_free(spool);
	fanout = NULL;
	spool = NULL;
}

static int
set_up(void **state)
{
	(void) state;
	disk_hangs = disk_fails = false;
	syncs = 0;
	log_init(LOG_LEVEL_ERROR);
	snprintf(directory, sizeof(directory), "/tmp/test_relay_backlog-%ld", (long) getpid());
	settings = (Settings) {.spool = true, .spool_backlog_directory = directory,
		.spool_backlog_limit = INT64_C(1) << 30};
	identity = (SlotIdentity) {.system_id = 1, .timeline = 1, .slot = "s",
		.database = "db", .confirmed = 100};
	for (int i = 0; i < SINKS; i++)
	{
		commons[i] = (SinkCommon) {.topic = "{table}", .message_topic = "m"};
		setups[i] = (SinkSetup) {.name = i == 0 ? "a" : "b",
			.common = &commons[i], .ops = &fake_sink};
		setups[i].config = (SinkConfig) {.name = setups[i].name,
			.format = registry_find_format("json")};
		checkpoints[i] = 100;
		away[i] = false;
		made[i] = 0;
	}
	assert_true(start());
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	if (spool != NULL)
		stop();
	empty_directory();
	rmdir(directory);
	return 0;
}

/* ---- what the loop does ---- */

static const uint8_t row[] = {0x08, 0x01};	/* an insert of no columns */

static void
offer_change(const Transaction *txn, uint64_t seq)
{
	static Table table = {.oid = 42, .version = 1, .schema = "public", .name = "t"};
	Change		change = {.txn = txn, .table = &table, .body = {row, sizeof(row)},
		.parts = {.op = PG_FANOUT__OP__INSERT}};
	Position	position = {txn->commit_lsn, seq};

	assert_int_equal(fanout_change(fanout, &change, position, &err), SINK_OK);
	fanout_next(fanout);
}

/* With a gap in the numbers, as filters leave them. Ends at lsn + 10. */
static void
deliver(Lsn lsn)
{
	Transaction txn = {.xid = (uint32_t) lsn, .commit_lsn = lsn, .origin = ""};
	TxnEnd		end = {.txn = txn, .end_lsn = lsn + 10, .records = 3};

	assert_int_equal(fanout_begin(fanout, &txn, &err), SINK_OK);
	fanout_next(fanout);
	offer_change(&txn, 1);
	offer_change(&txn, 3);
	assert_int_equal(fanout_commit(fanout, &end, 4, &err), SINK_OK);
	fanout_next(fanout);
}

static void
turn(void)
{
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_OK);
}

static void
set_durable(int index, Lsn lsn)
{
	scripts[index]->base.durable = lsn;
	turn();
}

static void
sync_now(void)
{
	assert_true(backlog_sync_all(spool->log, &err));
	turn();
}

static void
assert_got(int index, const Position *expected, int count)
{
	assert_int_equal(scripts[index]->got_count, count);
	for (int i = 0; i < count; i++)
	{
		assert_int_equal(scripts[index]->got[i].lsn, expected[i].lsn);
		assert_int_equal(scripts[index]->got[i].seq, expected[i].seq);
	}
}

static const Position two_txns[] = {{200, 1}, {200, 3}, {300, 1}, {300, 3}};

/* ---- each at its own pace ---- */

static void
test_full_sink_holds_nobody_back(void **state)
{
	(void) state;
	scripts[1]->full = true;
	deliver(200);
	deliver(300);
	turn();
	assert_got(0, two_txns, 4);
	assert_int_equal(scripts[0]->committed, 310);
	assert_int_equal(scripts[1]->got_count, 0);
	scripts[1]->full = false;
	turn();
	assert_got(1, two_txns, 4);
	assert_string_equal(scripts[0]->last, scripts[1]->last);
	assert_int_equal(scripts[1]->committed, 310);
}

static void
test_rewind_concerns_one(void **state)
{
	(void) state;
	deliver(200);
	deliver(300);
	turn();
	set_durable(1, 210);
	scripts[1]->got_count = 0;
	scripts[1]->rewind = true;

	/* the loop begins the stream again: only then the slot is ours for sure */
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_REWIND);
	assert_int_equal(scripts[1]->base.held, 0);
	fanout_held(fanout);
	turn();
	assert_int_equal(scripts[0]->base.held, 1);
	assert_int_equal(scripts[1]->base.held, 1);
	assert_got(0, two_txns, 4);
	assert_got(1, two_txns + 2, 2);
	assert_int_equal(scripts[1]->committed, 310);
}

static void
test_failed_sink_stops(void **state)
{
	(void) state;
	scripts[1]->fails = ERROR_RECORD;
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_FAILED);
	assert_non_null(strstr(err.message, "sink b"));
}

/* It would not find its place again, and the slot must not pass it. */
static void
test_failed_sink_without_checkpoint_stops(void **state)
{
	(void) state;
	scripts[1]->base.forgetful = true;
	scripts[1]->fails = ERROR_SINK_WRITE;
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_FAILED);
	scripts[1]->base.forgetful = false;
	scripts[1]->base.durable = LSN_INVALID;
	assert_int_equal(fanout_poll(fanout, &err), SINK_POLL_FAILED);
}

/* What another try may not meet: away, with all that the others can have. */
static void
test_failed_sink_is_away(void **state)
{
	int64_t		deadline = clock_now() + 30 * CLOCK_SECOND;

	(void) state;
	deliver(200);
	turn();
	scripts[1]->fails = ERROR_SINK_WRITE;
	turn();
	sync_now();
	set_durable(0, 210);
	assert_int_equal(fanout_durable(fanout), 210);
	assert_int_equal(backlog_start(spool->log).lsn, 100);
	deliver(300);
	turn();
	assert_got(0, two_txns, 4);
	while ((made[1] < 2 || scripts[1]->committed < 310) && clock_now() < deadline)
	{
		turn();
		usleep(20000);
	}
	assert_got(1, two_txns, 4);
}

/* ---- R1: how far the slot may be confirmed ---- */

static void
test_least_without_sync(void **state)
{
	(void) state;
	deliver(200);
	deliver(300);
	turn();
	assert_int_equal(fanout_durable(fanout), 100);
	set_durable(0, 310);
	assert_int_equal(fanout_durable(fanout), 100);
	set_durable(1, 210);
	assert_int_equal(fanout_durable(fanout), 210);
	assert_int_equal(backlog_synced(spool->log).lsn, 100);
}

static void
test_synced_counts_for_all(void **state)
{
	(void) state;
	deliver(200);
	turn();
	set_durable(0, 210);
	sync_now();
	assert_int_equal(fanout_durable(fanout), 210);
	deliver(300);
	turn();
	assert_int_equal(fanout_durable(fanout), 210);
	set_durable(0, 310);
	assert_int_equal(fanout_durable(fanout), 210);
}

/* A transaction that is not complete is not safe, synced or not. */
static void
test_half_a_transaction_is_not_safe(void **state)
{
	Transaction txn = {.xid = 3, .commit_lsn = 300, .origin = ""};

	(void) state;
	deliver(200);
	assert_int_equal(fanout_begin(fanout, &txn, &err), SINK_OK);
	fanout_next(fanout);
	offer_change(&txn, 1);
	sync_now();
	assert_int_equal(fanout_durable(fanout), 210);
}

/* It would begin at the slot's place at the next start. */
static void
test_new_sink_holds_the_slot(void **state)
{
	(void) state;
	stop();
	checkpoints[1] = LSN_INVALID;
	assert_true(start());
	deliver(200);
	turn();
	sync_now();
	set_durable(0, 210);
	assert_int_equal(fanout_durable(fanout), LSN_INVALID);
	set_durable(1, 100);
	assert_int_equal(fanout_durable(fanout), 210);
}

static void
test_forgetful_sink_holds_the_slot(void **state)
{
	(void) state;
	scripts[1]->base.forgetful = true;
	deliver(200);
	turn();
	sync_now();
	set_durable(0, 210);
	assert_int_equal(fanout_durable(fanout), 100);
	set_durable(1, 210);
	assert_int_equal(fanout_durable(fanout), 210);
}

/* What was handed to the disk is safe when the disk says so. */
static void
test_not_safe_before_the_disk_says_so(void **state)
{
	(void) state;
	deliver(200);
	turn();
	set_durable(0, 210);
	disk_hangs = true;
	assert_true(backlog_sync(spool->log, &err));
	for (int i = 0; i < 50; i++)
	{
		usleep(2000);
		turn();
		assert_int_equal(fanout_durable(fanout), 100);
	}
	disk_hangs = false;
	while (fanout_durable(fanout) == 100)
		turn();
	assert_int_equal(fanout_durable(fanout), 210);
}

static void
test_failed_sync_is_final(void **state)
{
	(void) state;
	deliver(200);
	turn();
	disk_fails = true;
	assert_true(backlog_sync(spool->log, &err));
	while (fanout_poll(fanout, &err) == SINK_POLL_OK)
		assert_int_equal(fanout_durable(fanout), 100);
	assert_int_equal(err.code, ERROR_DISK);
	disk_fails = false;
	assert_false(fanout_drain(fanout, clock_now(), &err));
	assert_int_equal(err.code, ERROR_DISK);
	assert_int_equal(fanout_durable(fanout), 100);
	assert_int_equal(syncs, 1);
}

/* ---- no room ---- */

/* One that is larger than the limit, of random bytes. */
static void
fill(void)
{
	static uint8_t bytes[3 << 20];
	LogicalMessage message = {.lsn = 150, .prefix = "p", .content = {bytes, sizeof(bytes)}};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) random();
	assert_int_equal(fanout_message(fanout, &message, (Position) {150, 0}, &err), SINK_OK);
	fanout_next(fanout);
}

static void
start_small(SpoolFull full)
{
	stop();
	settings.spool_backlog_limit = 1 << 20;
	settings.spool_full = (int) full;
	assert_true(start());
	fill();
	turn();
}

static SinkResult
offer_begin(Lsn lsn)
{
	Transaction txn = {.xid = 9, .commit_lsn = lsn, .origin = ""};

	return fanout_begin(fanout, &txn, &err);
}

static void
test_full_waits_for_the_sinks(void **state)
{
	(void) state;
	start_small(SPOOL_FULL_WAIT);
	assert_int_equal(offer_begin(200), SINK_FULL);
	set_durable(0, 150);
	assert_int_equal(offer_begin(200), SINK_FULL);
	set_durable(1, 150);
	fanout_next(fanout);
	deliver(200);
	turn();
	assert_int_equal(scripts[1]->committed, 210);

	/* the message is at 150: who is durable up to there need not have it */
	assert_true(backlog_bytes(spool->log) > 1 << 20);
	set_durable(0, 210);
	set_durable(1, 210);
	assert_true(backlog_bytes(spool->log) < 1 << 20);
}

static void
test_full_stops_if_told_to(void **state)
{
	int64_t		deadline = clock_now() + 30 * CLOCK_SECOND;
	SinkResult	result;

	(void) state;
	start_small(SPOOL_FULL_STOP);
	while ((result = offer_begin(200)) == SINK_FULL && clock_now() < deadline)
	{
		usleep(20000);
		turn();
	}
	assert_int_equal(result, SINK_FAILED);
	assert_int_equal(err.code, ERROR_SPOOL_FULL);
}

/* ---- when it is synced ---- */

/* By itself, when one lags; never otherwise. */
static void
test_syncs_for_a_laggard(void **state)
{
	int64_t		deadline = clock_now() + 20 * CLOCK_SECOND;

	(void) state;
	for (Lsn lsn = 200; lsn < 1700; lsn += 100)
	{
		deliver(lsn);
		turn();
		set_durable(0, lsn + 10);
		set_durable(1, lsn + 10);
		usleep(150000);
	}
	assert_int_equal(syncs, 0);
	deliver(3000);
	while (fanout_durable(fanout) < 3010 && clock_now() < deadline)
	{
		turn();
		usleep(20000);
	}
	assert_int_equal(fanout_durable(fanout), 3010);
	assert_int_equal(scripts[0]->base.durable, 1610);
}

static void
test_idle_goes_through_the_log(void **state)
{
	(void) state;
	deliver(200);
	turn();
	assert_true(fanout_record(fanout, 5000, &err));
	turn();
	assert_int_equal(scripts[0]->recorded, 5000);
	assert_int_equal(scripts[1]->recorded, 5000);
	set_durable(0, 5000);
	assert_int_equal(fanout_durable(fanout), 100);
	sync_now();
	assert_int_equal(fanout_durable(fanout), 5000);
}

/* ---- starting again ---- */

static void
test_laggard_goes_on_from_the_log(void **state)
{
	(void) state;
	scripts[1]->full = true;
	deliver(200);
	deliver(300);
	turn();
	sync_now();
	set_durable(0, 310);
	stop();
	identity.confirmed = 310;
	assert_true(start());
	assert_int_equal(fanout_durable(fanout), 310);
	turn();
	assert_int_equal(scripts[0]->got_count, 0);
	assert_got(1, two_txns, 4);

	/* the stream sends what is in the log already, and then what is not */
	deliver(300);
	deliver(400);
	turn();
	assert_int_equal(scripts[0]->got_count, 2);
	assert_int_equal(scripts[1]->got_count, 6);
	assert_int_equal(scripts[1]->got[4].lsn, 400);
}

/* What was not synced is gone: no sink needed it. */
static void
test_nothing_wanted_is_thrown_away(void **state)
{
	(void) state;
	deliver(200);
	turn();
	set_durable(0, 210);
	set_durable(1, 210);
	stop();
	identity.confirmed = 210;
	assert_true(start());
	assert_int_equal(backlog_bytes(spool->log), 0);
	deliver(200);
	deliver(300);
	turn();
	assert_got(0, two_txns + 2, 2);
}

static void
test_lost_log_is_a_gap(void **state)
{
	(void) state;
	scripts[1]->full = true;
	deliver(200);
	turn();
	sync_now();
	set_durable(0, 210);
	stop();
	empty_directory();
	identity.confirmed = 210;
	assert_false(start());
	assert_int_equal(err.code, ERROR_CHECKPOINT);
}

static void
test_sink_that_is_away(void **state)
{
	int64_t		deadline = clock_now() + 30 * CLOCK_SECOND;

	(void) state;
	scripts[1]->full = true;
	deliver(200);
	turn();
	sync_now();
	set_durable(0, 210);
	stop();
	identity.confirmed = 210;
	away[1] = true;
	assert_true(start());
	deliver(300);
	turn();
	sync_now();
	set_durable(0, 310);
	assert_int_equal(fanout_durable(fanout), 310);
	assert_int_equal(backlog_start(spool->log).lsn, 100);
	away[1] = false;
	while ((scripts[1] == NULL || scripts[1]->committed < 310) && clock_now() < deadline)
	{
		turn();
		usleep(20000);
	}
	assert_got(1, two_txns, 4);
}

/* Nothing in the log is for it, and the slot is further than the log. */
static void
test_away_with_nothing_to_get(void **state)
{
	(void) state;
	deliver(200);
	turn();
	set_durable(0, 210);
	set_durable(1, 210);
	sync_now();
	stop();
	identity.confirmed = 250;
	checkpoints[0] = checkpoints[1] = 250;
	away[1] = true;
	assert_true(start());
	deliver(300);
	turn();
	sync_now();
	assert_int_equal(fanout_durable(fanout), 310);
	assert_int_equal(backlog_start(spool->log).lsn, 250);
}

static void
test_away_at_the_first_start(void **state)
{
	(void) state;
	stop();
	away[1] = true;
	assert_false(start());
	assert_int_equal(err.code, ERROR_SINK_SETUP);
}

/* After a failover: another transaction instead of the rest of this one. */
static void
test_transaction_that_does_not_go_on(void **state)
{
	Transaction txn = {.xid = 3, .commit_lsn = 200, .origin = ""};

	(void) state;
	assert_int_equal(fanout_begin(fanout, &txn, &err), SINK_OK);
	fanout_next(fanout);
	offer_change(&txn, 1);
	turn();
	deliver(300);
	turn();
	assert_int_equal(scripts[0]->committed, 310);
	assert_int_equal(scripts[0]->got_count, 3);
	stop();
	assert_true(start());
	assert_int_equal(backlog_end(spool->log).lsn, 310);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_full_sink_holds_nobody_back),
		T(test_rewind_concerns_one),
		T(test_failed_sink_stops),
		T(test_failed_sink_without_checkpoint_stops),
		T(test_failed_sink_is_away),
		T(test_least_without_sync),
		T(test_synced_counts_for_all),
		T(test_half_a_transaction_is_not_safe),
		T(test_new_sink_holds_the_slot),
		T(test_forgetful_sink_holds_the_slot),
		T(test_not_safe_before_the_disk_says_so),
		T(test_failed_sync_is_final),
		T(test_full_waits_for_the_sinks),
		T(test_full_stops_if_told_to),
		T(test_syncs_for_a_laggard),
		T(test_idle_goes_through_the_log),
		T(test_laggard_goes_on_from_the_log),
		T(test_nothing_wanted_is_thrown_away),
		T(test_lost_log_is_a_gap),
		T(test_sink_that_is_away),
		T(test_away_with_nothing_to_get),
		T(test_away_at_the_first_start),
		T(test_transaction_that_does_not_go_on),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
