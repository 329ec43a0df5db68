/*
 * cache.c
 *		What is remembered of each relation while a slot is being read.
 *
 * Invalidation callbacks cannot be unregistered, and several slots may be read
 * in one backend by turns, so the callbacks are registered once and look at
 * the list of caches that are alive.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "cache.h"
#include "compat.h"
#include "table.h"

/* Sweeping walks all entries: not before this many are out of date. */
#define CACHE_SWEEP_INVALID		128

/* Dependencies are only ever added; beyond this many, start afresh. */
#define CACHE_MAX_DEPENDENCIES	100000

/*
 * Of entries' contexts, about 3 kB for a small table. Beyond it half of the
 * entries go: a workload that visits more tables than there is room for, one
 * after the other, still finds the other half.
 */
#define CACHE_MAX_SIZE			(24 * 1024 * 1024)

/* An object, other than the relation itself, that some entry depends on. */
typedef struct Dependency
{
	int			cache_id;		/* a syscache's, or DEPENDENCY_RELATION */
	uint32		hash;			/* its hash value there, or a relation's oid */
} Dependency;

#define DEPENDENCY_RELATION		(-1)

static dlist_head cache_list = DLIST_STATIC_INIT(cache_list);

/* ---- invalidation: only marks, for entries may be in use ---- */

static void
cache_mark_invalid(Cache *cache, CacheEntry *entry)
{
	if (entry->valid)
		cache->invalid_count++;
	entry->valid = false;
}

static void
cache_mark_all(Cache *cache)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;

	hash_seq_init(&scan, cache->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		cache_mark_invalid(cache, entry);
}

static bool
cache_depends_on(Cache *cache, int cache_id, uint32 hash)
{
	Dependency	key = {cache_id, hash};

	return hash_search(cache->dependencies, &key, HASH_FIND, NULL) != NULL;
}

static void
cache_relation_changed(Datum argument, Oid relid)
{
	dlist_iter	iter;

	dlist_foreach(iter, &cache_list)
	{
		Cache	   *cache = dlist_container(Cache, link, iter.cur);
		CacheEntry *entry;

		if (!OidIsValid(relid) ||
			cache_depends_on(cache, DEPENDENCY_RELATION, relid))
		{
			cache_mark_all(cache);
			continue;
		}
		entry = hash_search(cache->entries, &relid, HASH_FIND, NULL);
		if (entry != NULL)
			cache_mark_invalid(cache, entry);
	}
}

/* A type or a schema; temporary tables make plenty that are none of ours. */
static void
cache_object_changed(Datum argument, int cache_id, uint32 hash)
{
	dlist_iter	iter;

	dlist_foreach(iter, &cache_list)
	{
		Cache	   *cache = dlist_container(Cache, link, iter.cur);

		if (hash == 0 || cache_depends_on(cache, cache_id, hash))
			cache_mark_all(cache);
	}
}

static void
cache_enum_changed(Datum argument, int cache_id, uint32 hash)
{
	dlist_iter	iter;

	dlist_foreach(iter, &cache_list)
	{
		Cache	   *cache = dlist_container(Cache, link, iter.cur);

		if (cache->has_enums)
			cache_mark_all(cache);
	}
}

static void
cache_publication_changed(Datum argument, int cache_id, uint32 hash)
{
	dlist_iter	iter;

	dlist_foreach(iter, &cache_list)
	{
		Cache	   *cache = dlist_container(Cache, link, iter.cur);

		if (cache->publication_names == NIL)
			continue;
		cache->publications_valid = false;
		cache_mark_all(cache);
	}
}

/* The server has few places for callbacks: once per process. */
static void
cache_register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	registered = true;
	CacheRegisterRelcacheCallback(cache_relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, cache_object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, cache_object_changed,
								  (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, cache_enum_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PUBLICATIONOID, cache_publication_changed,
								  (Datum) 0);
	CacheRegisterSyscacheCallback(PUBLICATIONRELMAP,
								  cache_publication_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PUBLICATIONNAMESPACEMAP,
								  cache_publication_changed, (Datum) 0);
}

/* ---- life of a cache ---- */

static void
cache_forget(void *cache)
{
	dlist_delete(&((Cache *) cache)->link);
}

static HTAB *
cache_new_hash(const char *name, MemoryContext context, Size key, Size entry)
{
	HASHCTL		control = {
		.keysize = key,
		.entrysize = entry,
		.hcxt = context
	};

	return hash_create(name, 128, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

Cache *
cache_new(MemoryContext parent, List *publication_names)
{
	MemoryContext context = AllocSetContextCreate(parent, "pg_fanout cache",
												  ALLOCSET_DEFAULT_SIZES);
	Cache	   *cache = MemoryContextAllocZero(context, sizeof(Cache));

	cache_register_callbacks();
	cache->context = context;
	cache->publication_context =
		AllocSetContextCreate(context, "pg_fanout publications",
							  ALLOCSET_SMALL_SIZES);
	cache->publication_names = publication_names;
	cache->entries = cache_new_hash("pg_fanout relations", context,
									sizeof(Oid), sizeof(CacheEntry));
	cache->dependencies = cache_new_hash("pg_fanout dependencies", context,
										 sizeof(Dependency),
										 sizeof(Dependency));
	dlist_push_tail(&cache_list, &cache->link);
	cache->on_reset.func = cache_forget;
	cache->on_reset.arg = cache;
	MemoryContextRegisterResetCallback(context, &cache->on_reset);
	return cache;
}

/* ---- building an entry ---- */

static void
cache_add_dependency(Cache *cache, int cache_id, uint32 hash)
{
	Dependency	key = {cache_id, hash};

	hash_search(cache->dependencies, &key, HASH_ENTER, NULL);
}

static void
cache_depend_on_type(Cache *cache, Oid type)
{
	if (type >= FirstNormalObjectId)
		cache_add_dependency(cache, TYPEOID,
							 GetSysCacheHashValue1(TYPEOID,
												   ObjectIdGetDatum(type)));
}

static void
cache_depend_on_schema(Cache *cache, Oid schema)
{
	cache_add_dependency(cache, NAMESPACEOID,
						 GetSysCacheHashValue1(NAMESPACEOID,
											   ObjectIdGetDatum(schema)));
}

static Oid
cache_schema_of_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	schema = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	ReleaseSysCache(tuple);
	return schema;
}

/* What the description and the encoding depend on, besides the relation. */
static void
cache_depend(Cache *cache, Relation target)
{
	TupleDesc	desc = RelationGetDescr(target);

	cache_depend_on_schema(cache, RelationGetNamespace(target));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		TypeInfo	type;

		if (attribute->attisdropped ||
			attribute->atttypid < FirstNormalObjectId)
			continue;
		type = type_info(attribute->atttypid);
		cache_depend_on_type(cache, attribute->atttypid);
		cache_depend_on_type(cache, type.oid);
		cache_depend_on_schema(cache,
							   cache_schema_of_type(attribute->atttypid));
		cache->has_enums |= type.kind == VALUE_ENUM;
	}
}

/*
 * Whatever happens to an ancestor may change what is published, and as what.
 */
static void
cache_depend_on_ancestors(Cache *cache, Relation relation)
{
	ListCell   *cell;

	if (cache->publication_names == NIL || !relation->rd_rel->relispartition)
		return;
	foreach(cell, get_partition_ancestors(RelationGetRelid(relation)))
		cache_add_dependency(cache, DEPENDENCY_RELATION, lfirst_oid(cell));
}

static char *
cache_display_name(Relation relation)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(relation));

	return psprintf("table \"%s.%s\"", schema ? schema : "",
					RelationGetRelationName(relation));
}

/* Everything in the entry's own context, descriptors copied. */
static void
cache_fill(Cache *cache, CacheEntry *entry, const PublishedAs *published,
		   Relation relation, Relation target)
{
	Bitmapset  *columns = publication_columns(published, target);
	MemoryContext scratch = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(cache->context,
												  "pg_fanout relation",
												  ALLOCSET_SMALL_SIZES);
	PgFanout__Record record = PG_FANOUT__RECORD__INIT;

	entry->context = context;
	record.kind_case = PG_FANOUT__RECORD__KIND_TABLE;
	record.table = table_describe(target, columns);
	MemoryContextSwitchTo(context);
	entry->name = cache_display_name(target);
	entry->version = record.table->version;
	entry->record = frame_pack_record(&record, &entry->record_size);
	if (publication_has_rows(&published->actions))
	{
		entry->desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));
		entry->target_desc = entry->desc;
		if (target != relation)
		{
			entry->target_desc = CreateTupleDescCopy(RelationGetDescr(target));
			entry->map = compat_attribute_map(entry->desc, entry->target_desc);
		}
		entry->encoder = row_encoder_new(entry->target_desc, columns);
		entry->filter = filter_new(published, target);
	}
	MemoryContextSwitchTo(scratch);
	entry->size = MemoryContextMemAllocated(context, true);
	cache->size += entry->size;
}

static void
cache_load_publications(Cache *cache)
{
	MemoryContext old;

	if (cache->publications_valid)
		return;
	MemoryContextReset(cache->publication_context);
	cache->publications = NIL;
	cache->publications_valid = true;
	old = MemoryContextSwitchTo(cache->publication_context);
	cache->publications = publication_load(cache->publication_names);
	MemoryContextSwitchTo(old);
}

static void
cache_empty_entry(Cache *cache, CacheEntry *entry)
{
	MemoryContext context = entry->context;
	Oid			relid = entry->relid;

	cache->size -= entry->size;
	memset(entry, 0, sizeof(*entry));
	entry->relid = relid;
	if (context != NULL)
		MemoryContextDelete(context);
}

static void
cache_build(Cache *cache, CacheEntry *entry, Relation relation)
{
	PublishedAs published;
	Relation	target = relation;

	cache_load_publications(cache);
	published = publication_resolve(cache->publications, relation);
	cache_depend_on_ancestors(cache, relation);
	entry->actions = published.actions;
	entry->published_as = published.relid;
	entry->before_is_key =
		relation->rd_rel->relreplident != REPLICA_IDENTITY_FULL;
	entry->width = 1;
	if (!publication_has_rows(&published.actions) &&
		!published.actions.pubtruncate)
		return;
	if (published.relid != entry->relid)
		target = RelationIdGetRelation(published.relid);
	if (!RelationIsValid(target))
		elog(ERROR, "could not open relation %u", published.relid);
	cache_depend(cache, target);
	cache_fill(cache, entry, &published, relation, target);
	if (target != relation)
		RelationClose(target);
}

/* Every other entry goes. The client keeps their descriptions. */
static void
cache_shrink(Cache *cache)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;
	bool		goes = false;

	hash_seq_init(&scan, cache->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		goes = !goes;
		if (!goes)
			continue;
		if (!entry->valid)
			cache->invalid_count--;
		cache_empty_entry(cache, entry);
		hash_search(cache->entries, &entry->relid, HASH_REMOVE, NULL);
	}
	cache->last = NULL;
}

static CacheEntry *
cache_enter(Cache *cache, Oid relid)
{
	bool		found;
	CacheEntry *entry = hash_search(cache->entries, &relid, HASH_ENTER,
									&found);

	if (!found)
	{
		memset(entry, 0, sizeof(*entry));
		entry->relid = relid;
		cache->invalid_count++;
	}
	return entry;
}

/*
 * Valid is set before the work: an invalidation that comes meanwhile must not
 * be lost.
 */
static void
cache_rebuild(Cache *cache, CacheEntry *entry, Relation relation)
{
	cache_empty_entry(cache, entry);
	entry->valid = true;
	cache->invalid_count--;
	PG_TRY();
	{
		cache_build(cache, entry, relation);
	}
	PG_CATCH();
	{
		/* A streamed transaction's abort ends here too; decoding goes on. */
		cache_mark_invalid(cache, entry);
		cache->publications_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

CacheEntry *
cache_find(Cache *cache, Relation relation)
{
	Oid			relid = RelationGetRelid(relation);
	CacheEntry *entry = cache->last;

	if (cache->size > CACHE_MAX_SIZE)
	{
		cache_shrink(cache);
		entry = NULL;
	}
	if (entry == NULL || entry->relid != relid)
		entry = cache_enter(cache, relid);
	cache->last = entry;
	if (!entry->valid)
		cache_rebuild(cache, entry, relation);
	return entry;
}

void
cache_sweep(Cache *cache)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;

	if (hash_get_num_entries(cache->dependencies) > CACHE_MAX_DEPENDENCIES)
	{
		cache_mark_all(cache);
		hash_destroy(cache->dependencies);
		cache->dependencies = cache_new_hash("pg_fanout dependencies",
											 cache->context,
											 sizeof(Dependency),
											 sizeof(Dependency));
	}
	if (cache->invalid_count < CACHE_SWEEP_INVALID)
		return;
	hash_seq_init(&scan, cache->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->valid)
			continue;
		cache_empty_entry(cache, entry);
		hash_search(cache->entries, &entry->relid, HASH_REMOVE, NULL);
	}
	cache->invalid_count = 0;
	cache->last = NULL;
}
