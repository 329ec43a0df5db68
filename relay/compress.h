/*
 * compress.h
 *		One compressed stream: gzip or zstd, or none.
 *
 * A stream is one gzip member or one zstd frame, since not every reader goes
 * on to a second. Knows nothing of where the bytes go.
 */
#ifndef PG_FANOUT_COMPRESS_H
#define PG_FANOUT_COMPRESS_H

#include "buf.h"
#include "error.h"

typedef enum Compression
{
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD
} Compression;

#define COMPRESSION_LEVEL_DEFAULT 0

/* "none", "gzip", "zstd", NULL: in the enum's order, for OPTION_WORD. */
extern const char *const compression_words[];

/* Of a file's name: "", ".gz", ".zst". */
extern const char *compression_extension(Compression compression);

/* The highest level: 0, 9, 19. */
extern int	compression_max_level(Compression compression);

typedef struct Compressor Compressor;

/* NULL: failed. COMPRESSION_NONE passes bytes through. */
extern Compressor *compressor_new(Compression compression, int level,
								  Error *err);

/* Takes all of in; what is ready is appended to out. */
extern MUST_USE bool compressor_write(Compressor *compressor, Slice in,
									  Buf *out, Error *err);

/* Ends the stream; nothing may be written after. */
extern MUST_USE bool compressor_finish(Compressor *compressor, Buf *out,
									   Error *err);

/* Bytes it holds, for accounts of memory. */
extern size_t compressor_memory(const Compressor *compressor);
extern void compressor_free(Compressor *compressor);

#endif							/* PG_FANOUT_COMPRESS_H */
