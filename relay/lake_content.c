/*
 * lake_content.c
 *		Counts the records of an object. See lake_content.h.
 */
#include "lake_content.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_SIZE	((size_t) 256 * 1024)

struct LakeContent
{
	bool		lines;
	bool		gzip;
	ZSTD_DStream *zstd;			/* NULL: another way */
	z_stream	stream;
	bool		within;			/* a compressed stream that is not over */
	bool		over;			/* one is: nothing may follow */
	uint64_t	bytes;
	uint32_t	crc;
	uint64_t	records;

	/* where the next byte is */
	bool		open;			/* within a line, or within a length */
	int			shift;			/* of a length */
	uint64_t	left;			/* of a record with a length */
	uint8_t		out[OUT_SIZE];
};

static bool
ends_in(const char *key, const char *end)
{
	size_t		size = strlen(key);

	return size >= strlen(end) && strcmp(key + size - strlen(end), end) == 0;
}

LakeContent *
lake_content_new(const char *key, Error *err)
{
	LakeContent *content = calloc(1, sizeof(*content));
	bool		ok = content != NULL;

	if (ok)
	{
		content->lines = ends_in(key, ".jsonl") ||
			ends_in(key, ".jsonl.gz") || ends_in(key, ".jsonl.zst");
		content->gzip = ends_in(key, ".gz");
		if (content->gzip)
			ok = inflateInit2(&content->stream, 15 + 16) == Z_OK;
		else if (ends_in(key, ".zst"))
			ok = (content->zstd = ZSTD_createDStream()) != NULL;
	}
	if (ok)
		return content;
	free(content);
	error_no_memory(err);
	return NULL;
}

void
lake_content_free(LakeContent *content)
{
	if (content == NULL)
		return;
	if (content->gzip)
		inflateEnd(&content->stream);
	ZSTD_freeDStream(content->zstd);
	free(content);
}

/* ---- records ---- */

static void
count_lines(LakeContent *content, const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;

	for (const uint8_t *at = data; at < end; at++)
	{
		at = memchr(at, '\n', (size_t) (end - at));
		if (at == NULL)
			break;
		content->records++;
	}
	content->open = size > 0 ? end[-1] != '\n' : content->open;
}

static void
count_lengths(LakeContent *content, const uint8_t *data, size_t size)
{
	while (size > 0)
	{
		size_t		skip = content->left < size ? (size_t) content->left :
			size;

		if (skip == 0 || content->open)
		{
			content->left |= (uint64_t) (*data & 127) << content->shift;
			content->shift = content->shift < 56 ? content->shift + 7 : 56;
			content->open = (*data & 128) != 0;
			skip = 1;
			if (!content->open)
			{
				content->records++;
				content->shift = 0;
			}
		}
		else
			content->left -= skip;
		data += skip;
		size -= skip;
	}
}

static void
count(LakeContent *content, const uint8_t *data, size_t size)
{
	if (content->lines)
		count_lines(content, data, size);
	else
		count_lengths(content, data, size);
}

/* ---- bytes ---- */

static bool
cannot_unpack(Error *err)
{
	return error_set(err, ERROR_VERIFY, "it cannot be unpacked");
}

static bool
add_gzip(LakeContent *content, Slice bytes, Error *err)
{
	z_stream   *stream = &content->stream;
	int			result = Z_OK;

	stream->next_in = (Bytef *) bytes.data;
	stream->avail_in = (uInt) bytes.size;
	do
	{
		stream->next_out = content->out;
		stream->avail_out = OUT_SIZE;
		result = inflate(stream, Z_NO_FLUSH);
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
			return cannot_unpack(err);
		count(content, content->out, OUT_SIZE - stream->avail_out);
	} while (result == Z_OK && stream->avail_out == 0);
	content->over = result == Z_STREAM_END;
	content->within = !content->over;
	return stream->avail_in == 0 || cannot_unpack(err);
}

static bool
add_zstd(LakeContent *content, Slice bytes, Error *err)
{
	ZSTD_inBuffer in = {bytes.data, bytes.size, 0};
	size_t		left;
	ZSTD_outBuffer out;

	do
	{
		out = (ZSTD_outBuffer) {content->out, OUT_SIZE, 0};
		left = ZSTD_decompressStream(content->zstd, &out, &in);
		if (ZSTD_isError(left))
			return cannot_unpack(err);
		count(content, content->out, out.pos);
	} while (left != 0 && (in.pos < in.size || out.pos == OUT_SIZE));
	content->over = left == 0;
	content->within = !content->over;
	return in.pos == in.size || cannot_unpack(err);
}

bool
lake_content_add(LakeContent *content, Slice bytes, Error *err)
{
	content->bytes += bytes.size;
	content->crc = (uint32_t) crc32_z(content->crc, bytes.data, bytes.size);
	if (content->over && bytes.size > 0)
		return cannot_unpack(err);
	if (content->gzip)
		return add_gzip(content, bytes, err);
	if (content->zstd != NULL)
		return add_zstd(content, bytes, err);
	count(content, bytes.data, bytes.size);
	return true;
}

bool
lake_content_end(const LakeContent *content, Error *err)
{
	if (content->within)
		return error_set(err, ERROR_VERIFY, "its compressed stream is cut short");
	if (content->open || content->left > 0)
		return error_set(err, ERROR_VERIFY, "it ends within a record");
	return true;
}

uint64_t
lake_content_records(const LakeContent *content)
{
	return content->records;
}

uint32_t
lake_content_crc(const LakeContent *content)
{
	return content->crc;
}

uint64_t
lake_content_bytes(const LakeContent *content)
{
	return content->bytes;
}
