/*
 * file_output.h
 *		Bytes on their way into a file or a stream: buffering, short writes,
 *		full disks, pipes that are not read.
 *
 * A file is written at its own offset and its writes may wait for the disk; a
 * pipe, socket or terminal is given only what it takes at once. Knows neither
 * records nor positions.
 */
#ifndef PG_FANOUT_FILE_OUTPUT_H
#define PG_FANOUT_FILE_OUTPUT_H

#include "buf.h"
#include "error.h"

typedef enum FileKind
{
	FILE_OWN,					/* a regular file opened by us: at an offset */
	FILE_SHARED,				/* stdout as a file: at the end or where it
								 * stands */
	FILE_STREAM					/* anything else: what it takes at once */
} FileKind;

typedef struct FileOutput
{
	int			fd;
	FileKind	kind;
	const char *label;			/* for error texts; borrowed */
	int64_t		size;			/* bytes handed to the system */
	int64_t		started;		/* of these, told to start writing out */
	size_t		chunk;			/* what a stream surely takes without a wait */
	Buf			buffer;			/* what comes after them, from head on */
	size_t		head;
	bool		broken;			/* state on disk is unknown: no more writes */
} FileOutput;

/* fd and label stay the caller's. size: where writing begins (FILE_OWN). */
extern void file_output_init(FileOutput *output, int fd, FileKind kind,
							 const char *label, int64_t size);

/* Whether a record of that size may be put now, for streams. */
extern bool file_output_has_room(const FileOutput *output, size_t size);

/*
 * Takes one record whole, framed as sink_frame does, or nothing. On a full
 * disk what was written of it is cut off again.
 */
extern MUST_USE bool file_output_put(FileOutput *output, Slice record,
									 bool binary, Error *err);

/* Hands the buffer over: all of it, or what a stream takes at once. */
extern MUST_USE bool file_output_flush(FileOutput *output, Error *err);

/* Bytes handed over and buffered. */
extern int64_t file_output_end(const FileOutput *output);
extern bool file_output_is_empty(const FileOutput *output);

/* Makes what was handed over durable; nothing to do for a stream. */
extern MUST_USE bool file_output_sync(FileOutput *output, Error *err);
extern void file_output_free(FileOutput *output);

#endif							/* PG_FANOUT_FILE_OUTPUT_H */
