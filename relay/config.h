/*
 * config.h
 *		The configuration file (INI) and sink URLs, taken apart.
 *
 *	[pg_fanout]				the options of the command line, by long names
 *	dbname = bank
 *	[sink lake]				a sink with the stable name "lake"
 *	url = s3://lake/bank
 *	flush_bytes = 64MB
 *
 * Lines of any length; '#' and ';' begin a comment at a line's start or after
 * a blank; a value may be quoted ('...' or "...", the quote doubled within),
 * and must be if it holds a blank and '#'. Knows no option: hands out names
 * and texts. url.c has the second half.
 */
#ifndef PG_FANOUT_CONFIG_H
#define PG_FANOUT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

typedef struct ConfigEntry
{
	char	   *section;		/* "pg_fanout", "sink lake" */
	char	   *name;
	char	   *value;
	int			line;
} ConfigEntry;

typedef struct Config
{
	ConfigEntry *entries;
	size_t		count;
} Config;

/*
 * Reads a file. A file that others may read is refused (ERROR_SECRET_FILE) if
 * is_secret answers true for one of its entries; a duplicate name is not an
 * error (lists).
 */
extern MUST_USE bool config_read(Config *config, const char *path,
								 bool (*is_secret) (const ConfigEntry *entry),
								 Error *err);
extern void config_free(Config *config);

/*
 * "kafka://host:9092,other:9092/path?name=value&..." taken apart, percent
 * escapes decoded in path, names and values. "file:-" style URLs without "//"
 * have an empty authority. Behind an authority the path has no leading slash
 * (s3://bucket/prefix: "prefix"); without one it is kept as it stands:
 * file:///var/out.jsonl, file:out.jsonl. Errors never repeat the URL.
 */
typedef struct Url
{
	char	   *scheme;
	char	   *authority;		/* no user information: refused, see hint */
	char	   *path;
	ConfigEntry *queries;		/* section NULL, line 0 */
	size_t		query_count;
} Url;

extern MUST_USE bool url_parse(Url *url, const char *text, Error *err);
extern void url_free(Url *url);

#endif							/* PG_FANOUT_CONFIG_H */
