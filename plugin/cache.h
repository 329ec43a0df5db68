/*
 * cache.h
 *		What is remembered of each relation while a slot is being read.
 *
 * Entries are made on first use, marked invalid by the server's invalidation
 * callbacks, which may come at any catalog access, and rebuilt at the next
 * lookup. An entry returned by cache_find stays as it is until the next
 * cache_find or cache_sweep.
 */
#ifndef PG_FANOUT_CACHE_H
#define PG_FANOUT_CACHE_H

#include "access/attmap.h"
#include "lib/ilist.h"
#include "utils/hsearch.h"

#include "filter.h"
#include "option.h"
#include "publication.h"
#include "row.h"

typedef struct CacheEntry
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		announced;		/* the client has this description */
	bool		before_is_key;	/* old rows hold the identity columns only */
	uint64		stream;			/* serial of the stream that has it; 0: none */
	PublicationActions actions; /* all false: not published */
	Oid			published_as;	/* relid or a partition ancestor's */
	MemoryContext context;		/* of all below; NULL if not published */
	Size		size;			/* of the context */
	char	   *name;			/* "schema.table", for messages to people */
	TupleDesc	desc;			/* of the relation's own tuples */
	TupleDesc	target_desc;	/* of the relation it is published as */
	AttrMap    *map;			/* from one to the other; NULL: same shape */
	RowEncoder *encoder;
	RowFilter  *filter;			/* NULL: all rows pass */
	uint64		version;		/* of the description */
	uint8_t    *record;			/* the packed Table record */
	size_t		record_size;
	size_t		width;			/* of the last change's length */
} CacheEntry;

typedef struct Cache
{
	dlist_node	link;			/* in the list of the backend's live caches */
	MemoryContext context;
	MemoryContext publication_context;
	MemoryContextCallback on_reset;
	List	   *publication_names;
	List	   *publications;	/* NIL and names given: to be loaded */
	bool		publications_valid;
	bool		has_enums;		/* an entry depends on some enum's labels */
	HTAB	   *entries;		/* CacheEntry by relid */
	HTAB	   *dependencies;	/* what else than the relation matters */
	long		invalid_count;
	Size		size;			/* of all entries' contexts */
	CacheEntry *last;			/* the latest lookup's result */
} Cache;

/*
 * Makes a cache whose memory hangs below parent and which ends with it.
 * publication_names are not copied.
 */
extern Cache *cache_new(MemoryContext parent, List *publication_names);

/*
 * The relation's entry, valid until the next call. Needs a transaction and
 * catalogs as they were.
 */
extern CacheEntry *cache_find(Cache *cache, Relation relation);

/* Frees entries that are out of date; between transactions. */
extern void cache_sweep(Cache *cache);

#endif							/* PG_FANOUT_CACHE_H */
