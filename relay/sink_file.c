/*
 * sink_file.c
 *		The file sink: records one behind the other in a file, or on standard
 *		output.
 *
 * A file has its checkpoint beside it, in PATH.checkpoint: position and
 * length. Progress is made in this order: data synced, checkpoint replaced,
 * durable. A start cuts the file back to the recorded length, so a crash
 * doubles nothing. Standard output, pipes and devices have no checkpoint: what
 * was written is durable, and every start is a new one. Rotation and reopening
 * happen at commits only, so no transaction lies in two files.
 */
#include "sink.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint.h"
#include "clock.h"
#include "failpoint.h"
#include "file_output.h"
#include "file_place.h"
#include "log.h"
#include "sidecar.h"

#define CHECKPOINT_LIMIT	((size_t) 64 << 10)
#define WRITE_RETRY			(10 * CLOCK_MS) /* where poll cannot watch it */
#define NEVER				INT64_MAX

typedef struct FileOptions
{
	int64_t		sync_interval;
	int64_t		rotate_bytes;
	int64_t		rotate_interval;
	char	   *mode;
} FileOptions;

static const Option file_option_rows[] = {
	{"sync-interval", 0, OPTION_TIME, offsetof(FileOptions, sync_interval),
		.preset = "10s",
		.help = "Longest time before written records are synced to disk and count as delivered; 0 syncs at every commit."},
	{"rotate-bytes", 0, OPTION_BYTES, offsetof(FileOptions, rotate_bytes),
		.preset = "0",
		.help = "Size at which, at the next commit, the file is renamed and a new one begun: out.jsonl becomes out.LSN.jsonl with everything before that position. 0: never."},
	{"rotate-interval", 0, OPTION_TIME,
		offsetof(FileOptions, rotate_interval), .preset = "0",
		.help = "Age at which the file is rotated. 0: never."},
	{"mode", 0, OPTION_STRING, offsetof(FileOptions, mode),
		.preset = "0600", .argument = "OCTAL",
		.help = "Permissions of a new file."},
};

static const OptionTable file_options = {
	"File sink (file:PATH, file:- for standard output)", "sink",
	file_option_rows, sizeof(file_option_rows) / sizeof(file_option_rows[0]),
	sizeof(FileOptions)
};

/* The end of a transaction: where it is in the stream and in the file. */
typedef struct Boundary
{
	Position	position;
	int64_t		size;
	uint64_t	records;
} Boundary;

typedef struct SinkFile
{
	Sink		base;
	const FileOptions *options;
	bool		standard;		/* standard output */
	FilePlace	place;
	Sidecar		sidecar;		/* closed for streams */
	Sidecar		notes;			/* closed until there are any */
	FileOutput	output;
	Checkpoint	checkpoint;		/* as on disk, but for the position to come */
	Boundary	committed;		/* all of it accepted */
	Boundary	target;			/* of a stream: what is being written */
	bool		in_transaction; /* records behind committed */
	bool		reopen_wanted;
	int64_t		sync_at;		/* monotonic; NEVER: nothing to record */
	int64_t		rotate_at;
	uint64_t	records;
	uint64_t	bytes;
	uint64_t	durable_records;
} SinkFile;

extern const SinkOps sink_file_ops;

/* ---- making ---- */

static bool
parse_mode(const char *text, mode_t *mode, Error *err)
{
	size_t		size = strlen(text);

	if (size >= 1 && size <= 4 && strspn(text, "01234567") == size)
	{
		*mode = (mode_t) strtoul(text, NULL, 8);
		if (*mode <= 0777 && (*mode & 0600) == 0600)
			return true;
	}
	error_set(err, ERROR_USAGE, "invalid value \"%s\" for option \"mode\"",
			  text);
	return error_hint(err, "It must be octal permissions with read and write for the owner, such as 0640.");
}

static bool
file_setup(SinkFile *file, const SinkConfig *config, Error *err)
{
	mode_t		mode = 0600;

	if (!parse_mode(file->options->mode, &mode, err))
		return false;
	if (config->authority[0] != '\0')
	{
		error_set(err, ERROR_USAGE, "a file's URL has no host, but here \"%s\" stands in its place",
				  config->authority);
		return error_hint(err, "Write file:/directory/name, file:name or file:- (standard output).");
	}
	file->standard = strcmp(config->path, "-") == 0;
	return file_place_init(&file->place, config->path, mode, err);
}

static Sink *
sink_file_create(const SinkConfig *config, Error *err)
{
	SinkFile   *file = calloc(1, sizeof(*file));

	if (file == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	file->base.ops = &sink_file_ops;
	file->base.config = config;
	file->options = config->options;
	file->output.fd = -1;
	file->sidecar.fd = -1;
	file->notes.fd = -1;
	file->place.dir = -1;
	file->sync_at = NEVER;
	file->rotate_at = NEVER;
	if (file_setup(file, config, err))
		return &file->base;
	free(file);
	return NULL;
}

static const char *
file_label(const SinkFile *file)
{
	return file->standard ? "standard output" : file->place.path;
}

static bool
has_checkpoint(const SinkFile *file)
{
	return file->sidecar.fd >= 0;
}

/* ---- progress ---- */

static void
schedule(int64_t *at, int64_t interval)
{
	int64_t		deadline = clock_now() + interval;

	if (deadline < *at)
		*at = deadline;
}

/* The notes go before the checkpoint that may count on them. */
static bool
write_notes(SinkFile *file, Error *err)
{
	Notes	   *notes = &file->base.notes;
	Buf			text;
	bool		ok;

	if (!notes->dirty)
		return true;
	if (file->notes.fd < 0 &&
		!sidecar_open(&file->notes, file->place.dir, file->place.notes_name,
					  err))
		return false;
	buf_init(&text, NOTES_LIMIT);
	notes_append(&text, notes);
	ok = !buf_failed(&text) || error_no_memory(err);
	ok = ok && sidecar_write(&file->notes, buf_slice(&text), err);
	buf_free(&text);
	if (ok)
		notes_written(notes);
	return ok;
}

/* Writes the checkpoint for what is committed; the file must be synced. */
static bool
write_checkpoint(SinkFile *file, Error *err)
{
	Buf			text;
	bool		ok;

	if (!write_notes(file, err))
		return false;
	file->checkpoint.position = file->committed.position;
	file->checkpoint.file_size = file->committed.size;
	file->checkpoint.timeline = file->base.timeline;
	buf_init(&text, CHECKPOINT_LIMIT);
	checkpoint_append(&text, &file->checkpoint);
	buf_append_byte(&text, '\n');
	ok = !buf_failed(&text);
	if (!ok)
		error_no_memory(err);
	ok = ok && sidecar_write(&file->sidecar, buf_slice(&text), err);
	buf_free(&text);
	return ok;
}

static void
set_durable(SinkFile *file, const Boundary *reached)
{
	if (reached->position.lsn > file->base.durable)
		file->base.durable = reached->position.lsn;
	file->durable_records = reached->records;
}

/* Of a file: data, checkpoint, durable, in this order. */
static bool
sync_committed(SinkFile *file, Error *err)
{
	file->sync_at = NEVER;
	if (!file_output_flush(&file->output, err) ||
		!failpoint_passes(FAILPOINT_FILE_WRITTEN, err) ||
		!file_output_sync(&file->output, err) ||
		!failpoint_passes(FAILPOINT_FILE_SYNCED, err))
		return false;
	if (has_checkpoint(file) && !write_checkpoint(file, err))
		return false;
	if (!failpoint_passes(FAILPOINT_FILE_RECORDED, err))
		return false;
	set_durable(file, &file->committed);
	return true;
}

/*
 * Of a stream: what is written is durable. It goes from target to target,
 * because the last commit may always still be in the buffer when there are
 * many.
 */
static void
advance_stream(SinkFile *file)
{
	while (file->output.size >= file->target.size)
	{
		set_durable(file, &file->target);
		if (!position_before(file->target.position, file->committed.position))
			return;
		file->target = file->committed;
	}
}

static bool
is_stream(const SinkFile *file)
{
	return file->output.kind == FILE_STREAM;
}

/* ---- opening ---- */

static bool
checkpoint_too_long(const SinkFile *file, int64_t size, Error *err)
{
	error_set(err, ERROR_CHECKPOINT,
			  "\"%s\" has %lld bytes, its checkpoint says %lld",
			  file->place.path, (long long) size,
			  (long long) file->checkpoint.file_size);
	error_detail(err, "It was moved away, emptied or cut since: what is missing is not sent again.");
	return error_hint(err, "Move it back if it was rotated while pg_fanout was down. Or remove \"%s.checkpoint\": then the sink is new and begins where the slot stands.",
					  file->place.path);
}

/*
 * A crash in the middle of a rotation: the file has its new name, the
 * checkpoint still describes it under the old one. What else may be missing
 * was taken by somebody else.
 */
static bool
finish_rotation(SinkFile *file, int64_t size, Error *err)
{
	char	   *name = file_place_rotated_name(&file->place,
											   file->checkpoint.position.lsn);
	bool		rotated;

	if (name == NULL)
		return error_no_memory(err);
	rotated = size <= 0 &&
		file_place_size(&file->place, name) == file->checkpoint.file_size;
	free(name);
	if (!rotated)
		return checkpoint_too_long(file, size < 0 ? 0 : size, err);
	file->checkpoint.file_size = 0;
	return true;
}

/* Reads and verifies the checkpoint; *found: there is one. */
static bool
read_checkpoint(SinkFile *file, const SlotIdentity *identity, bool *found,
				Error *err)
{
	const char *name = file->base.config->name;
	Buf			text;
	bool		ok;

	checkpoint_init(&file->checkpoint, identity, name, LSN_INVALID);
	*found = !file->sidecar.empty;
	if (!*found)
		return true;
	buf_init(&text, CHECKPOINT_LIMIT);
	ok = sidecar_read(&file->sidecar, &text, err) &&
		checkpoint_parse(&file->checkpoint, buf_slice(&text), err) &&
		checkpoint_verify(&file->checkpoint, identity, name, err);
	buf_free(&text);
	if (!ok)
		return error_prefix(err, "%s.checkpoint", file->place.path);
	file->checkpoint.options_hash = identity->options_hash;
	file->checkpoint.snapshot = identity->snapshot;
	return true;
}

/* Of a sink that is not new; a new one has no use for what it finds. */
static bool
read_notes(SinkFile *file, Error *err)
{
	Buf			text;
	bool		ok;

	if (file_place_size(&file->place, file->place.notes_name) <= 0)
		return true;
	buf_init(&text, NOTES_LIMIT);
	ok = sidecar_open(&file->notes, file->place.dir, file->place.notes_name,
					  err) &&
		sidecar_read(&file->notes, &text, err) &&
		notes_parse(&file->base.notes, buf_slice(&text), err);
	buf_free(&text);
	return ok || error_prefix(err, "%s.notes", file->place.path);
}

/* Whoever holds the lock may be writing: what has the name is whole. */
static bool
sink_file_read_notes(Sink *sink, const SlotIdentity *identity, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;
	Sidecar		notes = {.name = file->place.notes_name, .fd = -1};
	bool		ok = true;
	Buf			text;

	(void) identity;
	if (file->standard || !file_place_enter(&file->place, err))
		return file->standard;
	buf_init(&text, NOTES_LIMIT);
	notes.fd = openat(file->place.dir, notes.name,
					  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (notes.fd >= 0)
	{
		ok = sidecar_read(&notes, &text, err) &&
			notes_parse(&sink->notes, buf_slice(&text), err);
		close(notes.fd);
	}
	buf_free(&text);
	file_place_leave(&file->place);
	return ok || error_prefix(err, "%s.notes", file->place.path);
}

/* Cuts off what lies behind the checkpoint: it will be sent again. */
static bool
cut_file(SinkFile *file, int fd, int64_t size, Error *err)
{
	if (size == file->checkpoint.file_size)
		return true;
	log_info("%s: cutting off %lld bytes behind the checkpoint: they come again",
			 file->place.path,
			 (long long) (size - file->checkpoint.file_size));
	if (ftruncate(fd, file->checkpoint.file_size) != 0 || fsync(fd) != 0)
		return sidecar_io_error("cut back", file->place.path, err);
	return true;
}

/* Opens the data file at its recorded length, or a new sink's at its end. */
static bool
open_data(SinkFile *file, bool found, bool *rotated, Error *err)
{
	int64_t		size = file_place_size(&file->place, file->place.name);
	int			fd;

	/* one of which nothing is recorded may be missing */
	*rotated = found && size < file->checkpoint.file_size &&
		file->checkpoint.file_size > 0;
	if (*rotated && !finish_rotation(file, size, err))
		return false;
	fd = file_place_open(&file->place, err);
	if (fd < 0)
		return false;
	size = file_place_size(&file->place, file->place.name);
	if (!found)
		file->checkpoint.file_size = size;
	file_output_init(&file->output, fd, FILE_OWN, file->place.path,
					 file->checkpoint.file_size);
	return cut_file(file, fd, size, err);
}

static void
begin_at(SinkFile *file, Position position, Lsn durable)
{
	file->base.accepted = position;
	file->base.durable = durable;
	file->committed.position = position;
	file->committed.size = file->output.size;
	file->committed.records = file->records;
	file->target = file->committed;
	file->target.position = (Position) {durable, 0};
	file->in_transaction = false;
	file->sync_at = NEVER;
	file->rotate_at = NEVER;
	if (file->output.size > 0 && has_checkpoint(file) &&
		file->options->rotate_interval > 0)
		schedule(&file->rotate_at, file->options->rotate_interval);
}

static SinkResume
resume_file(SinkFile *file, const SlotIdentity *identity, Error *err)
{
	bool		found;
	bool		rotated;

	if (!sidecar_open(&file->sidecar, file->place.dir,
					  file->place.sidecar_name, err) ||
		!read_checkpoint(file, identity, &found, err) ||
		(found && !read_notes(file, err)) ||
		!open_data(file, found, &rotated, err))
		return SINK_RESUME_FAILED;
	if (!found)
	{
		begin_at(file, (Position) {identity->confirmed, 0}, LSN_INVALID);
		return SINK_NEW;
	}
	begin_at(file, file->checkpoint.position, file->checkpoint.position.lsn);

	/* before the new file gets any data, which the old length would keep */
	if (rotated && !write_checkpoint(file, err))
		return SINK_RESUME_FAILED;
	return SINK_RESUMED;
}

/* What was written cannot be taken back: only the first call begins anew. */
static SinkResume
resume_stream(SinkFile *file, const SlotIdentity *identity, Error *err)
{
	struct stat status;
	FileKind	kind = FILE_STREAM;
	int			fd = STDOUT_FILENO;

	if (file->output.fd >= 0)
		return SINK_NEW;
	if (!file->standard)
		fd = file_place_open(&file->place, err);
	if (fd < 0)
		return SINK_RESUME_FAILED;
	if (fstat(fd, &status) != 0)
	{
		error_set(err, ERROR_SINK_SETUP, "%s is not open", file_label(file));
		return SINK_RESUME_FAILED;
	}
	if (S_ISREG(status.st_mode))
		kind = FILE_SHARED;
	file_output_init(&file->output, fd, kind, file_label(file), 0);
	file->base.forgetful = true;
	begin_at(file, (Position) {identity->confirmed, 0}, LSN_INVALID);
	return SINK_NEW;
}

static void
file_close(SinkFile *file)
{
	if (file->output.fd >= 0 && !file->standard)
		close(file->output.fd);
	file_output_free(&file->output);
	file->output.fd = -1;
	sidecar_close(&file->sidecar);
	sidecar_close(&file->notes);
	file_place_leave(&file->place);
}

static SinkResume
sink_file_resume(Sink *sink, const SlotIdentity *identity, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;
	SinkResume	result = SINK_RESUME_FAILED;
	FileType	type;

	if (file->standard || is_stream(file))
		return resume_stream(file, identity, err);
	file_close(file);
	if (!file_place_enter(&file->place, err))
		return SINK_RESUME_FAILED;
	type = file_place_type(&file->place, err);
	if (type == FILE_TYPE_STREAM)
		result = resume_stream(file, identity, err);
	else if (type != FILE_TYPE_WRONG)
		result = resume_file(file, identity, err);
	if (result == SINK_RESUME_FAILED)
		file_close(file);
	return result;
}

static bool
sink_file_check(Sink *sink, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;
	bool		ok;

	if (file->standard)
		return true;
	ok = file_place_enter(&file->place, err) &&
		file_place_check(&file->place, err);
	file_place_leave(&file->place);
	return ok;
}

/* ---- another file ---- */

/*
 * Goes on in the file that has the name now; all that was written is synced.
 */
static bool
switch_file(SinkFile *file, Error *err)
{
	int			fd = file_place_open(&file->place, err);
	struct stat status;

	if (fd < 0)
		return false;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
	{
		close(fd);
		return error_set(err, ERROR_SINK_SETUP,
						 "\"%s\" is no regular file any more",
						 file->place.path);
	}
	close(file->output.fd);
	file_output_free(&file->output);
	file_output_init(&file->output, fd, FILE_OWN, file->place.path,
					 status.st_size);
	file->committed.size = status.st_size;
	file->rotate_at = NEVER;
	return write_checkpoint(file, err);
}

static bool
rotate(SinkFile *file, Error *err)
{
	char	   *name;
	bool		ok;

	if (!sync_committed(file, err))
		return false;
	name = file_place_rotated_name(&file->place, file->committed.position.lsn);
	if (name == NULL)
		return error_no_memory(err);
	log_info("%s: rotating to %s", file->place.path, name);
	ok = file_place_rename(&file->place, name, err) &&
		failpoint_passes(FAILPOINT_FILE_RENAMED, err) &&
		switch_file(file, err);
	free(name);
	return ok;
}

static bool
rotation_due(const SinkFile *file)
{
	if (!has_checkpoint(file) || file->in_transaction ||
		file->committed.size == 0)
		return false;
	return (file->options->rotate_bytes > 0 &&
			file->committed.size >= file->options->rotate_bytes) ||
		file->rotate_at <= clock_now();
}

/* What waits for the end of a transaction. */
static bool
between_transactions(SinkFile *file, Error *err)
{
	if (file->in_transaction)
		return true;
	if (file->reopen_wanted)
	{
		file->reopen_wanted = false;
		return sync_committed(file, err) && switch_file(file, err);
	}
	return !rotation_due(file) || rotate(file, err);
}

static bool
sink_file_reopen(Sink *sink, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;

	if (!has_checkpoint(file))
		return true;
	file->reopen_wanted = true;
	return between_transactions(file, err);
}

/* ---- records ---- */

/* position is where the sink goes on; what lies before it is complete. */
static void
take_boundary(SinkFile *file, Position position)
{
	int64_t		end = file_output_end(&file->output);
	bool		data = end > file->committed.size;

	file->in_transaction = false;
	if (position_before(file->committed.position, position))
		file->committed.position = position;
	file->committed.size = end;
	file->committed.records = file->records;
	schedule(&file->sync_at, data ? file->options->sync_interval :
			 file->base.config->checkpoint_interval);
	if (data && has_checkpoint(file) && file->options->rotate_interval > 0)
		schedule(&file->rotate_at, file->options->rotate_interval);
}

/* A file has no keys, and so no use for tombstones. */
static bool
put_values(SinkFile *file, const Delivery *delivery, Error *err)
{
	bool		binary = file->base.config->format->binary;

	for (size_t i = 0; i < delivery->count; i++)
	{
		Slice		value = delivery->records[i].value;

		if (value.data == NULL)
			continue;
		if (!file_output_put(&file->output, value, binary, err))
			return false;
		file->records++;
		file->bytes += value.size;
	}
	return true;
}

static SinkResult
sink_file_put(Sink *sink, const Delivery *delivery, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;
	size_t		size = 0;

	for (size_t i = 0; i < delivery->count; i++)
		size += delivery->records[i].value.size;
	if (!file_output_has_room(&file->output, size))
		return SINK_FULL;
	if (!put_values(file, delivery, err))
		return SINK_FAILED;
	sink->accepted = delivery_end(delivery);

	/* a message outside transactions is complete in itself */
	if (delivery->txn == NULL && !file->in_transaction)
		take_boundary(file, sink->accepted);
	else
		file->in_transaction = true;
	return SINK_OK;
}

static SinkResult
sink_file_commit(Sink *sink, const TxnEnd *end, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;
	bool		data = file_output_end(&file->output) > file->committed.size;

	sink->accepted = (Position) {end->end_lsn, 0};
	take_boundary(file, sink->accepted);
	if (data && file->options->sync_interval == 0 && !is_stream(file) &&
		!sync_committed(file, err))
		return SINK_FAILED;
	return between_transactions(file, err) ? SINK_OK : SINK_FAILED;
}

static SinkPoll
sink_file_poll(Sink *sink, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;
	bool		ok = true;

	if (file->output.fd < 0)
		return SINK_POLL_OK;
	if (!file_output_is_empty(&file->output))
		ok = file_output_flush(&file->output, err);
	if (ok && is_stream(file))
		advance_stream(file);
	else if (ok && file->sync_at <= clock_now())
		ok = sync_committed(file, err);
	if (ok)
		ok = between_transactions(file, err);
	return ok ? SINK_POLL_OK : SINK_POLL_FAILED;
}

static bool
sink_file_record(Sink *sink, Lsn idle, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;
	Position	position = {idle, 0};

	(void) err;
	if (idle <= sink->durable)
		return true;
	if (position_before(file->committed.position, position))
		file->committed.position = position;
	if (position_before(sink->accepted, position))
		sink->accepted = position;
	file->sync_at = 0;
	return true;
}

/* ---- waiting ---- */

static void
lower(int64_t *deadline, int64_t at)
{
	if (at < *deadline)
		*deadline = at;
}

static int
sink_file_watch(Sink *sink, struct pollfd *fds, int room, int64_t *deadline)
{
	SinkFile   *file = (SinkFile *) sink;
	bool		waiting = !file_output_is_empty(&file->output);

	if (file->output.fd < 0)
		return 0;
	if (!is_stream(file))
		lower(deadline, file->sync_at);
	if (!file->in_transaction)
		lower(deadline, file->rotate_at);
	if (is_stream(file) && waiting && room > 0)
	{
		fds[0] = (struct pollfd) {.fd = file->output.fd, .events = POLLOUT};
		return 1;
	}
	if (is_stream(file) && waiting)
		lower(deadline, clock_now() + WRITE_RETRY);

	/* readers of the file see a transaction when it is complete */
	if (!is_stream(file) &&
		file->output.size < file->committed.size)
		lower(deadline, 0);
	return 0;
}

/* Waits for the reader of a pipe to take what is committed. */
static bool
drain_stream(SinkFile *file, int64_t deadline, Error *err)
{
	for (;;)
	{
		struct pollfd fd = {.fd = file->output.fd, .events = POLLOUT};
		int			ms = clock_ms_until(deadline);

		if (!file_output_flush(&file->output, err))
			return false;
		advance_stream(file);
		if (file->output.size >= file->committed.size)
			return true;
		if (ms == 0)
			break;
		poll(&fd, 1, ms);
	}
	error_set(err, ERROR_SINK_WRITE, "%s was not read in time",
			  file_label(file));
	return error_retriable(err);
}

static bool
sink_file_drain(Sink *sink, int64_t deadline, Error *err)
{
	SinkFile   *file = (SinkFile *) sink;

	if (file->output.fd < 0)
		return true;
	if (is_stream(file))
		return drain_stream(file, deadline, err);
	if (file->base.durable >= file->committed.position.lsn &&
		has_checkpoint(file) &&
		file->checkpoint.file_size == file->committed.size)
		return true;
	return sync_committed(file, err);
}

static void
sink_file_stats(const Sink *sink, SinkStats *stats)
{
	const SinkFile *file = (const SinkFile *) sink;

	memset(stats, 0, sizeof(*stats));
	stats->records = file->records;
	stats->bytes = file->bytes;
	stats->in_flight = file->records - file->durable_records;
	if (file->output.fd < 0)
		return;
	if (is_stream(file) &&
		!file_output_is_empty(&file->output))
		snprintf(stats->state, sizeof(stats->state), "waiting for the reader");
	else
		snprintf(stats->state, sizeof(stats->state), "%lld bytes written",
				 (long long) file->output.size);
}

/*
 * The part of a transaction that has not committed would be cut off by the
 * next start; readers of the file need not see it meanwhile.
 */
static void
sink_file_free(Sink *sink)
{
	SinkFile   *file = (SinkFile *) sink;

	if (has_checkpoint(file) && file->output.fd >= 0 && !file->output.broken &&
		file->output.size > file->committed.size &&
		ftruncate(file->output.fd, file->committed.size) != 0)
		log_warning("cannot cut back \"%s\"", file->place.path);
	file_close(file);
	file_place_free(&file->place);
	free(file);
}

static const char *const file_schemes[] = {"file", NULL};

const SinkOps sink_file_ops = {
	.name = "file",
	.framed = true,
	.schemes = file_schemes,
	.options = &file_options,
	.create = sink_file_create,
	.resume = sink_file_resume,
	.read_notes = sink_file_read_notes,
	.check = sink_file_check,
	.put = sink_file_put,
	.commit = sink_file_commit,
	.poll = sink_file_poll,
	.record = sink_file_record,
	.watch = sink_file_watch,
	.drain = sink_file_drain,
	.reopen = sink_file_reopen,
	.stats = sink_file_stats,
	.free = sink_file_free
};
