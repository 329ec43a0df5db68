/*
 * lake_cleaner.c
 *		Removes what no manifest lists. See lake_cleaner.h.
 *
 * Intents are kept until a manifest covers them, so that a relay that is
 * killed here leaves everything to the next one. A store that does not let us
 * list or remove gets a warning, no more: what stays behind is in nobody's way
 * who goes by the manifests.
 */
#include "lake_cleaner.h"

#include <inttypes.h>
#include <jansson.h>

#include "failpoint.h"
#include "log.h"

void
lake_cleaner_init(LakeCleaner *cleaner, LakeChain *chain)
{
	*cleaner = (LakeCleaner) {.chain = chain};
	buf_init(&cleaner->key, LAKE_KEY_LIMIT);
	buf_init(&cleaner->list, STORE_MAX_ANSWER);
	buf_init(&cleaner->mark, LAKE_KEY_LIMIT);
}

void
lake_cleaner_free(LakeCleaner *cleaner)
{
	if (cleaner->chain != NULL && cleaner->chain->store != NULL)
		store_release(cleaner->chain->store, &cleaner->request);
	buf_free(&cleaner->key);
	buf_free(&cleaner->list);
	buf_free(&cleaner->mark);
}

/* ---- requests ---- */

static void
start(LakeCleaner *cleaner, LakeCleanerStep step, StoreRequest request)
{
	store_release(cleaner->chain->store, &cleaner->request);
	cleaner->request = request;
	cleaner->step = step;
	store_start(cleaner->chain->store, &cleaner->request);
}

static bool
start_intent(LakeCleaner *cleaner, LakeCleanerStep step, StoreVerb verb,
			 uint64_t number, Error *err)
{
	buf_clear(&cleaner->key);
	if (!lake_name_control(&cleaner->key, cleaner->chain->names,
						   LAKE_INTENT, number, err))
		return false;
	start(cleaner, step, (StoreRequest) {
		.verb = verb,.key = buf_string(&cleaner->key)
	});
	return true;
}

/* Whether an earlier relay of ours wrote it. */
static bool
is_ours(const LakeCleaner *cleaner, const char *key)
{
	uint64_t	epoch;

	return lake_name_epoch(cleaner->chain->names, key, &epoch) &&
		epoch < cleaner->chain->names->epoch;
}

static void
list_add(LakeCleaner *cleaner, const char *text)
{
	buf_append(&cleaner->list, text, strlen(text) + 1);
}

/* What is done next of the list; NULL: it is done. */
static const char *
list_next(LakeCleaner *cleaner)
{
	const char *text = (const char *) cleaner->list.data + cleaner->at;

	if (cleaner->at >= cleaner->list.size)
		return NULL;
	cleaner->at += strlen(text) + 1;
	return text;
}

static void
list_clear(LakeCleaner *cleaner)
{
	buf_clear(&cleaner->list);
	cleaner->at = 0;
}

/* ---- orphans ---- */

static void
intent_take(LakeCleaner *cleaner)
{
	Slice		text = buf_slice(&cleaner->request.answer);
	json_t	   *intent = json_loadb((const char *) text.data, text.size, 0,
									NULL);
	const json_t *keys = json_object_get(intent, "keys");

	list_clear(cleaner);
	for (size_t i = 0; i < json_array_size(keys); i++)
	{
		const char *key = json_string_value(json_array_get(keys, i));

		if (key != NULL && is_ours(cleaner, key))
			list_add(cleaner, key);
	}
	json_decref(intent);
}

static bool
scan(LakeCleaner *cleaner, uint64_t number, Error *err)
{
	cleaner->intent = number;
	return start_intent(cleaner, CLEANER_SCAN, STORE_GET, number, err);
}

static void
list_uploads(LakeCleaner *cleaner)
{
	bool		more = cleaner->mark.size > 0;

	list_clear(cleaner);
	buf_clear(&cleaner->key);
	lake_name_prefix(&cleaner->key, cleaner->chain->names);
	start(cleaner, CLEANER_UPLOADS, (StoreRequest) {
		.verb = STORE_UPLOADS,.key = buf_string(&cleaner->key),
			.after = more ? buf_string(&cleaner->mark) : NULL
	});
}

/*
 * All intents have been read: numbers are free behind them. They stay until a
 * manifest covers them: a hole would hide those behind it from the next scan.
 */
static void
scan_end(LakeCleaner *cleaner)
{
	cleaner->next = cleaner->intent;
	if (cleaner->removed > 0)
		log_info("sink %s: %" PRIu64 " objects that an earlier run left without a manifest are removed",
				 cleaner->chain->names->sink, cleaner->removed);
	cleaner->removed = 0;
	buf_clear(&cleaner->mark);
	list_uploads(cleaner);
}

static bool
remove_orphans(LakeCleaner *cleaner, Error *err)
{
	const char *key = list_next(cleaner);

	if (key == NULL || cleaner->may_not)
		return scan(cleaner, cleaner->intent + 1, err);
	if (!failpoint_passes(FAILPOINT_OBJECT_ORPHAN, err))
		return false;
	cleaner->removed++;
	start(cleaner, CLEANER_ORPHANS, (StoreRequest) {
		.verb = STORE_DELETE,.key = key
	});
	return true;
}

static bool
after_scan(LakeCleaner *cleaner, Error *err)
{
	uint64_t	listed = cleaner->chain->intents;

	if (cleaner->request.state == STORE_DONE && cleaner->intent >= listed)
	{
		intent_take(cleaner);
		return remove_orphans(cleaner, err);
	}
	if (cleaner->intent < listed)
		return scan(cleaner, cleaner->intent + 1, err);
	scan_end(cleaner);
	return true;
}

/* ---- uploads ---- */

/* "KEY<TAB>UPLOAD" lines: those of ours become pairs of the list. */
static void
page_take(LakeCleaner *cleaner)
{
	Buf		   *page = &cleaner->request.answer;
	char	   *line = (char *) (buf_string(page) == NULL ? NULL : page->data);

	list_clear(cleaner);
	buf_clear(&cleaner->mark);
	while (line != NULL && line[0] != '\0')
	{
		char	   *end = strchr(line, '\n');
		char	   *tab = strchr(line, '\t');

		if (end == NULL || tab == NULL || tab > end)
			break;
		*end = '\0';
		if (tab == line)
			buf_append_string(&cleaner->mark, line + 1);
		else
		{
			*tab = '\0';
			if (is_ours(cleaner, line))
			{
				list_add(cleaner, line);
				list_add(cleaner, tab + 1);
			}
		}
		line = end + 1;
	}
}

static bool
remove_intents(LakeCleaner *cleaner, Error *err)
{
	store_release(cleaner->chain->store, &cleaner->request);
	cleaner->step = CLEANER_INTENTS;
	if (cleaner->may_not)
		cleaner->step = CLEANER_OFF;
	if (cleaner->may_not || cleaner->chain->intents_left >= cleaner->covered)
		return true;
	return start_intent(cleaner, CLEANER_INTENTS, STORE_DELETE,
						cleaner->chain->intents_left, err);
}

static bool
abort_uploads(LakeCleaner *cleaner, Error *err)
{
	const char *key = list_next(cleaner);

	if (key != NULL)
	{
		start(cleaner, CLEANER_ABORTS, (StoreRequest) {
			.verb = STORE_ABORT,.key = key,.upload = list_next(cleaner)
		});
		log_info("sink %s: upload of \"%s\", left by an earlier run, is ended",
				 cleaner->chain->names->sink, key);
		return true;
	}
	if (cleaner->mark.size == 0)
		return remove_intents(cleaner, err);
	list_uploads(cleaner);
	return true;
}

/* ---- going on ---- */

void
lake_cleaner_begin(LakeCleaner *cleaner)
{
	LakeChain *chain = cleaner->chain;

	if (chain->intents_left == 0)
		chain->intents_left = 1;
	cleaner->intent = chain->intents_left;
	cleaner->step = CLEANER_SCAN;
}

static bool
go_on(LakeCleaner *cleaner, Error *err)
{
	switch (cleaner->step)
	{
		case CLEANER_OFF:
			return true;
		case CLEANER_SCAN:
			if (cleaner->request.state == STORE_IDLE)
				return scan(cleaner, cleaner->intent, err);
			return after_scan(cleaner, err);
		case CLEANER_ORPHANS:
			return remove_orphans(cleaner, err);
		case CLEANER_UPLOADS:
			page_take(cleaner);
			return abort_uploads(cleaner, err);
		case CLEANER_ABORTS:
			return abort_uploads(cleaner, err);
		case CLEANER_INTENTS:
			if (cleaner->request.state == STORE_DONE)
				cleaner->chain->intents_left++;
			if (cleaner->chain->intents > cleaner->covered)
				cleaner->covered = cleaner->chain->intents;
			return remove_intents(cleaner, err);
	}
	return true;
}

/* Only that an intent cannot be read is a reason to stop. */
static bool
failed(LakeCleaner *cleaner, Error *err)
{
	*err = cleaner->request.error;
	if (cleaner->step == CLEANER_SCAN)
		return false;
	error_prefix(err, "sink %s: what an earlier run left stays behind",
				 cleaner->chain->names->sink);
	error_hint(err, "The credentials need s3:DeleteObject and s3:AbortMultipartUpload on the prefix and s3:ListBucketMultipartUploads on the bucket.");
	log_report(LOG_LEVEL_WARNING, err);
	error_clear(err);
	if (cleaner->step == CLEANER_UPLOADS || cleaner->step == CLEANER_ABORTS)
		return remove_intents(cleaner, err);
	cleaner->may_not = true;
	return cleaner->step == CLEANER_ORPHANS ? remove_orphans(cleaner, err) :
		remove_intents(cleaner, err);
}

bool
lake_cleaner_poll(LakeCleaner *cleaner, Error *err)
{
	while (cleaner->request.state != STORE_PENDING)
	{
		bool		over = cleaner->step == CLEANER_OFF ||
			(cleaner->step == CLEANER_INTENTS &&
			 cleaner->request.state == STORE_IDLE &&
			 cleaner->chain->intents_left >= cleaner->covered &&
			 cleaner->chain->intents <= cleaner->covered);

		if (over)
			return true;
		if (cleaner->request.state == STORE_FAILED ?
			!failed(cleaner, err) : !go_on(cleaner, err))
			return false;
	}
	return true;
}
