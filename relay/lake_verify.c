/*
 * lake_verify.c
 *		Finds the chains of a sink's place and walks them. See lake_verify.h.
 */
#include "lake_verify.h"

#include "lake_walk.h"

typedef struct Finder
{
	LakeWalk	walk;			/* what each walk begins as */
	uint64_t	chains;
} Finder;

/* What is one level below a key: names, each with a NUL. */
static bool
list_level(LakeWalk *walk, const char *level, Buf *names, Error *err)
{
	StoreRequest list = {.verb = STORE_LIST,.key = level};
	Buf			mark;
	bool		ok;

	buf_init(&mark, LAKE_KEY_LIMIT);
	do
	{
		char	   *line;
		char	   *rest = NULL;

		list.after = mark.size > 0 ? buf_string(&mark) : NULL;
		ok = lake_walk_ask(walk, list, err);
		buf_clear(&mark);
		line = !ok || buf_string(&walk->request.answer) == NULL ? NULL :
			strtok_r((char *) walk->request.answer.data, "\n", &rest);
		for (; line != NULL; line = strtok_r(NULL, "\n", &rest))
		{
			if (line[0] == '\t')
				buf_append_string(&mark, line + 1);
			else if (strncmp(line, level, strlen(level)) == 0)
				buf_append(names, line + strlen(level),
						   strlen(line + strlen(level)) + 1);
		}
	} while (ok && mark.size > 0);
	buf_free(&mark);
	return ok;
}

/* "SINK.json" below a slot. */
static bool
verify_sinks(Finder *finder, const char *top, const char *slot, Error *err)
{
	Buf			level;
	Buf			names;
	bool		ok;

	buf_init(&level, LAKE_KEY_LIMIT);
	buf_init(&names, STORE_MAX_ANSWER);
	buf_printf(&level, "%s%s/", top, slot);
	ok = list_level(&finder->walk, buf_string(&level), &names, err);
	for (size_t at = 0; ok && at < names.size;
		 at += strlen((char *) names.data + at) + 1)
	{
		char		sink[256];
		size_t		size = strlen((char *) names.data + at);
		LakeWalk	walk = finder->walk;

		if (size <= 5 || size >= sizeof(sink) ||
			strcmp((char *) names.data + at + size - 5, ".json") != 0)
			continue;
		snprintf(sink, sizeof(sink), "%.*s", (int) size - 5,
				 (char *) names.data + at);
		walk.request = (StoreRequest) {0};
		walk.names.slot = slot;
		walk.names.sink = sink;
		lake_walk_init(&walk);
		ok = lake_walk_chain(&walk, err);
		lake_walk_free(&walk);
		finder->chains++;
	}
	buf_free(&level);
	buf_free(&names);
	return ok;
}

/* "SLOT/" below the sink's place. */
static bool
verify_slots(Finder *finder, const char *top, Error *err)
{
	Buf			names;
	bool		ok;

	if (finder->walk.verify->slot != NULL)
		return verify_sinks(finder, top, finder->walk.verify->slot, err);
	buf_init(&names, STORE_MAX_ANSWER);
	ok = list_level(&finder->walk, top, &names, err);
	for (size_t at = 0; ok && at < names.size;
		 at += strlen((char *) names.data + at) + 1)
	{
		char		slot[256];
		size_t		size = strlen((char *) names.data + at);

		if (size < 2 || size >= sizeof(slot) ||
			names.data[at + size - 1] != '/')
			continue;
		snprintf(slot, sizeof(slot), "%.*s", (int) size - 1,
				 (char *) names.data + at);
		ok = verify_sinks(finder, top, slot, err);
	}
	buf_free(&names);
	return ok;
}

bool
lake_verify(ObjectStore *store, const char *path, int64_t timeout,
			SinkVerify *verify, Error *err)
{
	Finder		finder = {.walk = {.store = store,.timeout = timeout,
			.verify = verify,.names.path = path}};
	Buf			top;
	bool		ok;

	buf_init(&top, LAKE_KEY_LIMIT);
	lake_name_prefix(&top, &finder.walk.names);
	buf_append_string(&top, "_pg_fanout/");
	ok = verify_slots(&finder, buf_string(&top), err);
	if (ok && finder.chains == 0)
		lake_walk_say(&finder.walk, true,
					  "there is no chain of manifests below \"%s\"",
					  buf_string(&top));
	store_release(store, &finder.walk.request);
	buf_free(&top);
	return ok;
}
