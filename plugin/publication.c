/*
 * publication.c
 *		Which tables, actions and columns the client's publications include.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication_rel.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "publication.h"
#include "table.h"

List *
publication_load(List *names)
{
	List	   *publications = NIL;
	ListCell   *cell;

	foreach(cell, names)
	{
		char	   *name = lfirst(cell);
		Publication *publication = GetPublicationByName(name, true);

		if (publication == NULL)
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("publication \"%s\" does not exist", name),
					errdetail("It does not exist at this point of the WAL, which may lie in the past."),
					errhint("Create a publication before the slot that is read with it."));
		publications = lappend(publications, publication);
	}
	return publications;
}

static PublishedAs
publication_everything(Relation relation)
{
	bool		rows = relation->rd_rel->relkind == RELKIND_RELATION;
	PublishedAs all = {
		.actions = {rows, rows, rows, rows},
		.relid = RelationGetRelid(relation)
	};

	return all;
}

/* The relation's place in the trees that publications speak of. */
typedef struct Lineage
{
	Oid			relid;
	List	   *ancestors;		/* nearest first; NIL: no partition */
	List	   *publication_ids;	/* by table or by schema */
} Lineage;

static Lineage
publication_lineage(Relation relation)
{
	Lineage		lineage = {RelationGetRelid(relation), NIL, NIL};

	if (relation->rd_rel->relispartition)
		lineage.ancestors = get_partition_ancestors(lineage.relid);
	lineage.publication_ids =
		list_concat(GetRelationPublications(lineage.relid),
					GetSchemaPublications(RelationGetNamespace(relation)));
	return lineage;
}

/*
 * Does the publication include the relation? If so, *relid and *level say as
 * what: the topmost published ancestor with publish_via_partition_root.
 */
static bool
publication_includes(const Publication *publication, const Lineage *lineage,
					 Oid *relid, int *level)
{
	Oid			ancestor = InvalidOid;
	int			height = 0;

	*relid = lineage->relid;
	*level = 0;
	if (lineage->ancestors != NIL)
	{
		height = list_length(lineage->ancestors);
		if (publication->alltables)
			ancestor = llast_oid(lineage->ancestors);
		else
			ancestor = GetTopMostAncestorInPublication(publication->oid,
													   lineage->ancestors,
													   &height);
	}
	if (OidIsValid(ancestor) && publication->pubviaroot)
	{
		*relid = ancestor;
		*level = height;
	}
	return publication->alltables || OidIsValid(ancestor) ||
		list_member_oid(lineage->publication_ids, publication->oid);
}

static void
publication_add_actions(PublicationActions *sum,
						const PublicationActions *more)
{
	sum->pubinsert |= more->pubinsert;
	sum->pubupdate |= more->pubupdate;
	sum->pubdelete |= more->pubdelete;
	sum->pubtruncate |= more->pubtruncate;
}

/*
 * Changes are published as the topmost relation that any publication names;
 * only the publications that name that one have a say on rows and columns.
 */
PublishedAs
publication_resolve(List *publications, Relation relation)
{
	char		kind = relation->rd_rel->relkind;
	PublishedAs published = {.relid = RelationGetRelid(relation)};
	Lineage		lineage;
	ListCell   *cell;

	if (publications == NIL)
		return publication_everything(relation);
	lineage = publication_lineage(relation);
	foreach(cell, publications)
	{
		Publication *publication = lfirst(cell);
		Oid			relid;
		int			level;

		if (!publication_includes(publication, &lineage, &relid, &level) ||
			(kind == RELKIND_PARTITIONED_TABLE && !publication->pubviaroot))
			continue;
		publication_add_actions(&published.actions, &publication->pubactions);
		if (level < published.level)
			continue;
		if (level > published.level)
			published.publications = NIL;
		published.relid = relid;
		published.level = level;
		published.publications = lappend(published.publications, publication);
	}
	return published;
}

/* The columns of the publication's list; NULL: it has none for the table. */
static Bitmapset *
publication_column_list(const Publication *publication, Oid relid)
{
	HeapTuple	tuple;
	Datum		list;
	bool		isnull;
	Bitmapset  *columns = NULL;

	if (publication->alltables)
		return NULL;
	tuple = SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(relid),
							ObjectIdGetDatum(publication->oid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	list = SysCacheGetAttr(PUBLICATIONRELMAP, tuple,
						   Anum_pg_publication_rel_prattrs, &isnull);
	if (!isnull)
		columns = pub_collist_to_bitmapset(NULL, list, NULL);
	ReleaseSysCache(tuple);
	return columns;
}

static void
publication_fail_contradiction(const char *what, Relation target)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot use different %s for table \"%s.%s\" in different publications",
				   what,
				   get_namespace_name(RelationGetNamespace(target)),
				   RelationGetRelationName(target)));
}

/* Do the publications without a column list want generated columns? */
static bool
publication_wants_generated(const PublishedAs *published, Relation target)
{
	bool		wanted = false;
	bool		first = true;
	ListCell   *cell;

	foreach(cell, published->publications)
	{
		Publication *publication = lfirst(cell);
		bool		wants = compat_publishes_generated(publication);

		if (publication_column_list(publication, published->relid) != NULL)
			continue;
		if (!first && wants != wanted)
			publication_fail_contradiction("values of publish_generated_columns",
										   target);
		wanted = wants;
		first = false;
	}
	return wanted;
}

static bool
publication_has_generated(Relation target)
{
	TupleConstr *constraints = RelationGetDescr(target)->constr;

	return constraints != NULL && constraints->has_generated_stored;
}

Bitmapset *
publication_columns(const PublishedAs *published, Relation target)
{
	bool		generated = published->publications == NIL;
	Bitmapset  *common = NULL;
	Bitmapset  *all;
	ListCell   *cell;

	if (!generated && publication_has_generated(target))
		generated = publication_wants_generated(published, target);
	all = table_columns(target, generated);
	foreach(cell, published->publications)
	{
		Bitmapset  *columns = publication_column_list(lfirst(cell),
													  published->relid);

		if (columns == NULL)
			columns = all;
		if (common != NULL && !bms_equal(common, columns))
			publication_fail_contradiction("column lists", target);
		common = columns;
	}
	return common != NULL ? common : all;
}
