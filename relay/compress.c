/*
 * compress.c
 *		One compressed stream. See compress.h.
 */
#include "compress.h"

#include <limits.h>
#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>

#define COMPRESS_ROOM		((size_t) 32 * 1024)	/* of output per step */
#define GZIP_WINDOW			(15 + 16)	/* 16: gzip's header, not zlib's */
#define GZIP_MEMORY			((size_t) 268 * 1024)	/* zlib's own account */

/*
 * 512 kB: records repeat themselves closely, and the default of 2 MB would
 * cost each of many open objects 3 MB.
 */
#define ZSTD_WINDOW_LOG		19
#define ZSTD_LEVEL			3

struct Compressor
{
	Compression compression;
	z_stream	gzip;
	ZSTD_CCtx  *zstd;
};

const char *const compression_words[] = {"none", "gzip", "zstd", NULL};

const char *
compression_extension(Compression compression)
{
	static const char *const extensions[] = {"", ".gz", ".zst"};

	return extensions[compression];
}

int
compression_max_level(Compression compression)
{
	static const int levels[] = {0, 9, 19};

	return levels[compression];
}

static bool
zstd_open(Compressor *compressor, int level)
{
	compressor->zstd = ZSTD_createCCtx();
	if (compressor->zstd == NULL)
		return false;
	if (level == COMPRESSION_LEVEL_DEFAULT)
		level = ZSTD_LEVEL;
	return !ZSTD_isError(ZSTD_CCtx_setParameter(compressor->zstd,
												ZSTD_c_compressionLevel,
												level)) &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(compressor->zstd,
											 ZSTD_c_windowLog,
											 ZSTD_WINDOW_LOG)) &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(compressor->zstd,
											 ZSTD_c_checksumFlag, 1));
}

static bool
gzip_open(Compressor *compressor, int level)
{
	if (level == COMPRESSION_LEVEL_DEFAULT)
		level = Z_DEFAULT_COMPRESSION;
	return deflateInit2(&compressor->gzip, level, Z_DEFLATED, GZIP_WINDOW, 8,
						Z_DEFAULT_STRATEGY) == Z_OK;
}

Compressor *
compressor_new(Compression compression, int level, Error *err)
{
	Compressor *compressor = calloc(1, sizeof(*compressor));
	bool		ok = true;

	if (compressor == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	compressor->compression = compression;
	if (compression == COMPRESSION_GZIP)
		ok = gzip_open(compressor, level);
	else if (compression == COMPRESSION_ZSTD)
		ok = zstd_open(compressor, level);
	if (ok)
		return compressor;
	error_set(err, ERROR_INTERNAL,
			  "could not start %s compression at level %d",
			  compression_words[compression], level);
	compressor_free(compressor);
	return NULL;
}

static bool
gzip_step(Compressor *compressor, Slice in, int flush, Buf *out, Error *err)
{
	z_stream   *gzip = &compressor->gzip;

	gzip->next_in = (Bytef *) in.data;
	gzip->avail_in = (uInt) in.size;
	do
	{
		if (!buf_reserve(out, COMPRESS_ROOM))
			return error_no_memory(err);
		gzip->next_out = out->data + out->size;
		gzip->avail_out = COMPRESS_ROOM;
		if (deflate(gzip, flush) == Z_STREAM_ERROR)
			return error_set(err, ERROR_INTERNAL, "gzip compression failed");
		out->size += COMPRESS_ROOM - gzip->avail_out;
	} while (gzip->avail_out == 0);
	return true;
}

/* zlib counts input in an unsigned int. */
static bool
gzip_write(Compressor *compressor, Slice in, Buf *out, Error *err)
{
	while (in.size > 0)
	{
		size_t		size = in.size < INT_MAX ? in.size : INT_MAX;

		if (!gzip_step(compressor, slice_make(in.data, size), Z_NO_FLUSH, out,
					   err))
			return false;
		in = slice_make(in.data + size, in.size - size);
	}
	return true;
}

static bool
zstd_step(Compressor *compressor, Slice in, ZSTD_EndDirective end, Buf *out,
		  Error *err)
{
	ZSTD_inBuffer input = {in.data, in.size, 0};
	size_t		left;

	do
	{
		ZSTD_outBuffer output = {NULL, COMPRESS_ROOM, 0};

		if (!buf_reserve(out, COMPRESS_ROOM))
			return error_no_memory(err);
		output.dst = out->data + out->size;
		left = ZSTD_compressStream2(compressor->zstd, &output, &input, end);
		if (ZSTD_isError(left))
			return error_set(err, ERROR_INTERNAL,
							 "zstd compression failed: %s",
							 ZSTD_getErrorName(left));
		out->size += output.pos;
	} while (input.pos < input.size || (end == ZSTD_e_end && left > 0));
	return true;
}

bool
compressor_write(Compressor *compressor, Slice in, Buf *out, Error *err)
{
	switch (compressor->compression)
	{
		case COMPRESSION_GZIP:
			return gzip_write(compressor, in, out, err);
		case COMPRESSION_ZSTD:
			return zstd_step(compressor, in, ZSTD_e_continue, out, err);
		case COMPRESSION_NONE:
			break;
	}
	buf_append_slice(out, in);
	return !buf_failed(out) || error_no_memory(err);
}

bool
compressor_finish(Compressor *compressor, Buf *out, Error *err)
{
	Slice		none = {(const uint8_t *) "", 0};

	switch (compressor->compression)
	{
		case COMPRESSION_GZIP:
			return gzip_step(compressor, none, Z_FINISH, out, err);
		case COMPRESSION_ZSTD:
			return zstd_step(compressor, none, ZSTD_e_end, out, err);
		case COMPRESSION_NONE:
			break;
	}
	return true;
}

size_t
compressor_memory(const Compressor *compressor)
{
	switch (compressor->compression)
	{
		case COMPRESSION_GZIP:
			return GZIP_MEMORY;
		case COMPRESSION_ZSTD:
			return ZSTD_sizeof_CCtx(compressor->zstd);
		case COMPRESSION_NONE:
			break;
	}
	return 0;
}

void
compressor_free(Compressor *compressor)
{
	if (compressor == NULL)
		return;
	if (compressor->compression == COMPRESSION_GZIP)
		deflateEnd(&compressor->gzip);
	ZSTD_freeCCtx(compressor->zstd);
	free(compressor);
}
