/*
 * file_output.c
 *		Bytes on their way into a file or a stream. See file_output.h.
 *
 * Writes to a pipe never wait, though stdout stays in blocking mode (that
 * belongs to everyone who shares it): poll says that there is room, and no
 * more than the room that then is certain is written.
 */
#include "file_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar.h"
#include "wire.h"

#define OUTPUT_BUFFER	((size_t) 256 << 10)
#define OUTPUT_LIMIT	(((size_t) 1 << 31) + OUTPUT_BUFFER)

/* Write-out begins every so often. */
#define OUTPUT_START	((int64_t) 8 << 20)

void
file_output_init(FileOutput *output, int fd, FileKind kind, const char *label,
				 int64_t size)
{
	struct stat status;

	memset(output, 0, sizeof(*output));
	output->fd = fd;
	output->kind = kind;
	output->label = label;
	output->size = size;
	output->started = size;
	if (fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && !isatty(fd))
		output->chunk = OUTPUT_BUFFER;
	else
		output->chunk = PIPE_BUF;
	buf_init(&output->buffer, OUTPUT_LIMIT);
}

int64_t
file_output_end(const FileOutput *output)
{
	return output->size + (int64_t) (output->buffer.size - output->head);
}

bool
file_output_is_empty(const FileOutput *output)
{
	return output->head == output->buffer.size;
}

bool
file_output_has_room(const FileOutput *output, size_t size)
{
	return output->kind != FILE_STREAM || file_output_is_empty(output) ||
		output->buffer.size - output->head + size + WIRE_MAX_VARINT <=
		OUTPUT_BUFFER;
}

/* ---- writing ---- */

static bool
check_usable(const FileOutput *output, Error *err)
{
	return !output->broken ||
		error_set(err, ERROR_DISK,
				  "%s cannot be used after an earlier failure",
				  output->label);
}

static bool
write_error(FileOutput *output, Error *err)
{
	if (errno == EPIPE || errno == ECONNRESET)
	{
		error_set(err, ERROR_SINK_WRITE, "%s was closed by its reader",
				  output->label);
		return error_hint(err, "Records that the reader did not take from it are not repeated if they were in the pipe already; write to a file where that matters.");
	}
	return sidecar_io_error("write to", output->label, err);
}

static ssize_t
write_some(FileOutput *output, Slice bytes)
{
	ssize_t		size;

	do
	{
		if (output->kind == FILE_OWN)
			size = pwrite(output->fd, bytes.data, bytes.size, output->size);
		else
			size = write(output->fd, bytes.data, bytes.size);
	} while (size < 0 && errno == EINTR);
	return size;
}

/*
 * Back to a record's end after a write that failed half-way, so that readers
 * of the file see whole records only. In a file that others write too, what to
 * cut is not ours to know.
 */
static void
cut_back(FileOutput *output, int64_t size)
{
	if (output->kind != FILE_OWN || ftruncate(output->fd, size) != 0)
		output->broken = true;
	else
		output->size = size;
}

/* All of it, or none. */
static bool
write_whole(FileOutput *output, Slice bytes, Error *err)
{
	int64_t		start = output->size;

	while (bytes.size > 0)
	{
		ssize_t		size = write_some(output, bytes);

		if (size < 0)
		{
			write_error(output, err);
			cut_back(output, start);
			return false;
		}
		output->size += size;
		bytes.data += size;
		bytes.size -= (size_t) size;
	}
	return true;
}

static bool
stream_takes(const FileOutput *output)
{
	struct pollfd fd = {.fd = output->fd, .events = POLLOUT};

	return poll(&fd, 1, 0) > 0;
}

/* A pipe that poll calls writable takes PIPE_BUF bytes without waiting. */
static bool
flush_stream(FileOutput *output, Error *err)
{
	while (!file_output_is_empty(output) && stream_takes(output))
	{
		size_t		left = output->buffer.size - output->head;
		Slice		bytes = slice_make(output->buffer.data + output->head,
									   left < output->chunk ?
									   left : output->chunk);
		ssize_t		size = write_some(output, bytes);

		if (size < 0 && errno == EAGAIN)
			return true;
		if (size < 0)
			return write_error(output, err);
		output->head += (size_t) size;
		output->size += size;
	}
	return true;
}

/* Spreads the disk's work, so that the sync at the end has little left. */
static void
start_writing_out(FileOutput *output)
{
	if (output->kind != FILE_OWN ||
		output->size - output->started < OUTPUT_START)
		return;
	sync_file_range(output->fd, output->started,
					output->size - output->started, SYNC_FILE_RANGE_WRITE);
	output->started = output->size;
}

static void
buffer_reset(FileOutput *output)
{
	output->head = 0;
	if (output->buffer.capacity > 2 * OUTPUT_BUFFER)
		buf_free(&output->buffer);
	buf_clear(&output->buffer);
}

bool
file_output_flush(FileOutput *output, Error *err)
{
	if (!check_usable(output, err))
		return false;
	if (output->kind == FILE_STREAM)
	{
		if (!flush_stream(output, err))
			return false;
	}
	else
	{
		Slice		bytes =
			slice_make(output->buffer.data, output->buffer.size);

		if (!write_whole(output, bytes, err))
			return false;
		output->head = output->buffer.size;
		start_writing_out(output);
	}
	if (file_output_is_empty(output))
		buffer_reset(output);
	return true;
}

/* ---- records ---- */

/* A record larger than the buffer, past it: no second copy of it is made. */
static bool
put_large(FileOutput *output, Slice prefix, Slice record, Slice suffix,
		  Error *err)
{
	int64_t		start = output->size;

	if (write_whole(output, prefix, err) && write_whole(output, record, err) &&
		write_whole(output, suffix, err))
		return true;
	cut_back(output, start);
	return false;
}

static void
make_room(FileOutput *output)
{
	buf_consume(&output->buffer, output->head);
	output->head = 0;
}

bool
file_output_put(FileOutput *output, Slice record, bool binary, Error *err)
{
	uint8_t		length[WIRE_MAX_VARINT];
	Slice		prefix = slice_make(length, 0);
	Slice		suffix = slice_make("\n", binary ? 0 : 1);
	size_t		size;

	if (binary)
		prefix.size = (size_t) (wire_put_varint(length, record.size) - length);
	if (!check_usable(output, err))
		return false;
	size = prefix.size + record.size + suffix.size;
	if (output->buffer.size + size > OUTPUT_BUFFER)
	{
		if (output->kind == FILE_STREAM)
			make_room(output);
		else if (!file_output_flush(output, err))
			return false;
	}
	if (output->kind != FILE_STREAM && size > OUTPUT_BUFFER)
		return put_large(output, prefix, record, suffix, err);

	/* the whole buffer at once: it does not grow with each record */
	if (!buf_reserve(&output->buffer, size > OUTPUT_BUFFER ? size :
					 OUTPUT_BUFFER - output->buffer.size))
		return error_no_memory(err);
	buf_append_slice(&output->buffer, prefix);
	buf_append_slice(&output->buffer, record);
	buf_append_slice(&output->buffer, suffix);
	return true;
}

/*
 * After a failed sync the system may have dropped what it could not write, and
 * a second one would succeed without it: such a file is done with.
 */
bool
file_output_sync(FileOutput *output, Error *err)
{
	struct stat status;

	if (output->kind == FILE_STREAM)
		return true;
	if (!check_usable(output, err))
		return false;
	if (fdatasync(output->fd) != 0)
	{
		output->broken = true;
		return sidecar_io_error("sync", output->label, err);
	}
	if (output->kind == FILE_SHARED)
		return true;
	if (fstat(output->fd, &status) != 0)
		return sidecar_io_error("examine", output->label, err);
	if (status.st_size == output->size)
		return true;
	output->broken = true;
	error_set(err, ERROR_SINK_WRITE, "\"%s\" was changed by somebody else: it has %lld bytes instead of %lld",
			  output->label, (long long) status.st_size,
			  (long long) output->size);
	return error_hint(err, "Rotate by renaming the file and sending SIGHUP, not by truncating it.");
}

void
file_output_free(FileOutput *output)
{
	buf_free(&output->buffer);
}
