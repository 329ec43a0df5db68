/*
 * format.h
 *		A Format turns a Change into the bytes of a record: a key and a value.
 *
 * One instance serves all sinks that use the format: the relay renders each
 * Change once per format in use. Results are valid until the next call of the
 * same function. A Format knows no sink.
 */
#ifndef PG_FANOUT_FORMAT_H
#define PG_FANOUT_FORMAT_H

#include "buf.h"
#include "error.h"
#include "lsn.h"
#include "option.h"
#include "source.h"

typedef struct Format Format;

typedef struct FormatOps
{
	const char *name;			/* "json", "protobuf" */
	const char *extension;		/* of files: "jsonl", "pb" */
	bool		binary;			/* framed by length, not by line breaks */
	Format	   *(*create) (const char *database, Error *err);

	/*
	 * The record's key, from the row before (old) or after; NULL data: the
	 * table has none, or the row does not hold all of it.
	 */
	bool		(*key) (Format *format, const Change *change, bool old,
						Slice *key, Error *err);
	bool		(*value) (Format *format, const Change *change,
						  Position position, Slice *value, Error *err);
	bool		(*message) (Format *format, const LogicalMessage *message,
							Position position, Slice *value, Error *err);
	void		(*free) (Format *format);
} FormatOps;

struct Format
{
	const FormatOps *ops;
};

#endif							/* PG_FANOUT_FORMAT_H */
