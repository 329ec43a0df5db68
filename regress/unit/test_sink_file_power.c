/*
 * test_sink_file_power.c
 *		The file sink and power that fails: what its files hold afterwards is
 *		the script, nothing missing and nothing twice.
 *
 * The system calls that change files are recorded. A power failure is a place
 * in the record: what was synced before it is there; of the rest any part may
 * be, and parts that are missing may leave zeros. That state is put into the
 * directory, and the next life of the sink begins with it. In some lives the
 * disk becomes full in the middle of a record, or a sync fails.
 *
 * POWER_ROUNDS says how many histories of several lives are made up.
 */
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <sys/syscall.h>

#include "sink_file_rig.h"

#define LIVES			6
#define MAX_OPS			4096
#define MAX_INODES		512
#define MAX_NAMES		256
#define MAX_FDS			256
#define MAX_SIZE		8192
#define NAME_SIZE		80
#define DIRECTORY		(MAX_INODES + 1)

typedef enum OpKind
{
	OP_WRITE,
	OP_CUT,
	OP_SYNC,					/* of a file or the directory */
	OP_LINK,					/* the name is that inode's */
	OP_RENAME,					/* and no longer the one that data says:
								 * journals do both or none */
	OP_UNLINK,
	OP_DURABLE					/* the sink said so */
} OpKind;

typedef struct Op
{
	OpKind		kind;
	int			inode;
	char		name[NAME_SIZE];
	int64_t		offset;			/* or a size, or an LSN */
	size_t		size;
	char	   *data;
} Op;

typedef struct Content
{
	char		data[MAX_SIZE];
	int64_t		size;
} Content;

typedef struct Name
{
	char		name[NAME_SIZE];
	int			inode;			/* -1: there is none */
} Name;

static bool recording;
static Op	ops[MAX_OPS];
static size_t op_count;
static size_t fault_at;			/* from this one on calls fail */
static bool written_short;
static int	inode_count;
static Name names[MAX_NAMES];	/* as the process sees them */
static size_t name_count;
static int	fd_inodes[MAX_FDS]; /* 0: not ours; else one more */
static int64_t fd_offsets[MAX_FDS];
static Content start[MAX_INODES];
static Content state[MAX_INODES];
static unsigned seed = 4711;

static unsigned
chance(unsigned limit)
{
	return (unsigned) rand_r(&seed) % limit;
}

/* ---- recording ---- */

static void
add_op(OpKind kind, int inode, const char *name, int64_t offset,
	   const void *data, size_t size)
{
	Op		   *op = &ops[op_count++];

	assert_true(op_count < MAX_OPS);
	*op = (Op) {.kind = kind, .inode = inode, .offset = offset, .size = size};
	snprintf(op->name, sizeof(op->name), "%s", name != NULL ? name : "");
	if (size > 0)
	{
		op->data = malloc(size);
		memcpy(op->data, data, size);
	}
}

static Name *
find_name(Name *list, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	assert_true(*count < MAX_NAMES);
	snprintf(list[*count].name, NAME_SIZE, "%s", name);
	list[*count].inode = -1;
	return &list[(*count)++];
}

static int
inode_of(int fd)
{
	return recording && fd >= 0 && fd < MAX_FDS ? fd_inodes[fd] - 1 : -1;
}

/* Whether the call is to fail. */
static bool
fails(int error)
{
	if (op_count < fault_at)
		return false;
	errno = error;
	return true;
}

/* ---- the system calls, in place of the C library's ---- */

int
open(const char *name, int flags,...)
{
	int			fd = (int) syscall(SYS_openat, AT_FDCWD, name, flags, 0600);

	if (recording && fd >= 0 && fd < MAX_FDS)
		fd_inodes[fd] = strcmp(name, directory) == 0 ? DIRECTORY + 1 : 0;
	return fd;
}

int
openat(int dir, const char *name, int flags,...)
{
	int			fd = (int) syscall(SYS_openat, dir, name, flags, 0600);
	Name	   *known;

	if (fd < 0 || inode_of(dir) != DIRECTORY)
		return fd;
	known = find_name(names, &name_count, name);
	if (known->inode < 0)
	{
		known->inode = inode_count++;
		assert_true(inode_count < MAX_INODES);
		add_op(OP_LINK, known->inode, name, 0, NULL, 0);
	}
	else if (flags & O_TRUNC)
		add_op(OP_CUT, known->inode, NULL, 0, NULL, 0);
	fd_inodes[fd] = known->inode + 1;
	fd_offsets[fd] = 0;
	return fd;
}

int
close(int fd)
{
	if (fd >= 0 && fd < MAX_FDS)
		fd_inodes[fd] = 0;
	return (int) syscall(SYS_close, fd);
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t offset)
{
	int			inode = inode_of(fd);

	if (inode < 0)
		return syscall(SYS_pwrite64, fd, data, size, offset);
	if (fails(ENOSPC))
	{
		if (written_short || size < 2)
			return -1;
		written_short = true;
		size /= 2;
	}
	add_op(OP_WRITE, inode, NULL, offset, data, size);
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t
write(int fd, const void *data, size_t size)
{
	ssize_t		done;

	if (inode_of(fd) < 0)
		return syscall(SYS_write, fd, data, size);
	done = pwrite(fd, data, size, fd_offsets[fd]);
	fd_offsets[fd] += done > 0 ? done : 0;
	return done;
}

int
ftruncate(int fd, off_t size)
{
	if (inode_of(fd) >= 0)
		add_op(OP_CUT, inode_of(fd), NULL, size, NULL, 0);
	return (int) syscall(SYS_ftruncate, fd, size);
}

/* What the disk really does is of no interest, and slow. */
int
fsync(int fd)
{
	if (inode_of(fd) < 0)
		return 0;
	if (fails(EIO))
		return -1;
	add_op(OP_SYNC, inode_of(fd), NULL, 0, NULL, 0);
	return 0;
}

int
fdatasync(int fd)
{
	return fsync(fd);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int			result = (int) syscall(SYS_renameat2, from_dir, from, to_dir,
									   to, 0);

	if (result == 0 && inode_of(from_dir) == DIRECTORY)
	{
		int			inode = find_name(names, &name_count, from)->inode;

		find_name(names, &name_count, from)->inode = -1;
		find_name(names, &name_count, to)->inode = inode;
		add_op(OP_RENAME, inode, to, 0, from, strlen(from) + 1);
	}
	return result;
}

int
unlinkat(int dir, const char *name, int flags)
{
	int			result = (int) syscall(SYS_unlinkat, dir, name, flags);

	if (result == 0 && inode_of(dir) == DIRECTORY)
	{
		find_name(names, &name_count, name)->inode = -1;
		add_op(OP_UNLINK, 0, name, 0, NULL, 0);
	}
	return result;
}

/* ---- power failures ---- */

static void
apply(Content *content, const Op *op)
{
	if (op->kind == OP_CUT)
	{
		if (op->offset > content->size)
			memset(content->data + content->size, 0,
				   (size_t) (op->offset - content->size));
		content->size = op->offset;
		return;
	}
	assert_true(op->offset + (int64_t) op->size <= MAX_SIZE);
	if (op->offset > content->size)
		memset(content->data + content->size, 0,
			   (size_t) (op->offset - content->size));
	memcpy(content->data + op->offset, op->data, op->size);
	if (op->offset + (int64_t) op->size > content->size)
		content->size = op->offset + (int64_t) op->size;
}

/* Whether it was synced behind this place and before the failure. */
static bool
is_synced(size_t index, int inode, size_t failure)
{
	for (size_t i = index + 1; i < failure; i++)
		if (ops[i].kind == OP_SYNC && ops[i].inode == inode)
			return true;
	return false;
}

/*
 * The content and the names after a failure before the op with that number. Of
 * what was not synced all is there, nothing, or each part by chance.
 */
static size_t
fail_power(size_t failure, Name *left)
{
	unsigned	mood = chance(4);	/* nothing, all, by chance twice */
	size_t		count = 0;

	memcpy(state, start, sizeof(state));
	for (size_t i = 0; i < failure; i++)
	{
		const Op   *op = &ops[i];
		bool		of_names = op->kind == OP_LINK ||
			op->kind == OP_RENAME || op->kind == OP_UNLINK;
		bool		kept = op->kind != OP_DURABLE && op->kind != OP_SYNC &&
			(is_synced(i, of_names ? DIRECTORY : op->inode, failure) ||
			 mood == 1 || (mood > 1 && chance(2) == 0));

		if (!kept)
			continue;
		if (of_names)
			find_name(left, &count, op->name)->inode =
				op->kind == OP_UNLINK ? -1 : op->inode;
		if (op->kind == OP_RENAME)
			find_name(left, &count, op->data)->inode = -1;
		if (!of_names)
			apply(&state[op->inode], op);
	}
	return count;
}

static void
clear_directory(void)
{
	DIR		   *dir = opendir(directory);
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			unlink(in_directory(entry->d_name));
	closedir(dir);
}

static void
write_files(const Name *left, size_t count)
{
	clear_directory();
	for (size_t i = 0; i < count; i++)
	{
		FILE	   *file;

		if (left[i].inode < 0)
			continue;
		file = fopen(in_directory(left[i].name), "w");
		assert_non_null(file);
		fwrite(state[left[i].inode].data, 1,
			   (size_t) state[left[i].inode].size, file);
		fclose(file);
	}
}

/* What is in the directory is safe. */
static void
begin_record(void)
{
	DIR		   *dir = opendir(directory);
	struct dirent *entry;

	for (size_t i = 0; i < op_count; i++)
		free(ops[i].data);
	op_count = name_count = 0;
	inode_count = 0;
	memset(start, 0, sizeof(start));
	while ((entry = readdir(dir)) != NULL)
	{
		FILE	   *file;
		Content    *content = &start[inode_count];

		if (entry->d_name[0] == '.')
			continue;
		file = fopen(in_directory(entry->d_name), "r");
		content->size = (int64_t) fread(content->data, 1, MAX_SIZE, file);
		fclose(file);
		find_name(names, &name_count, entry->d_name)->inode = inode_count;
		add_op(OP_LINK, inode_count++, entry->d_name, 0, NULL, 0);
	}
	closedir(dir);
	add_op(OP_SYNC, DIRECTORY, NULL, 0, NULL, 0);
	written_short = false;
	fault_at = chance(3) == 0 ? op_count + chance(120) : SIZE_MAX;
	recording = true;
}

/* ---- lives ---- */

static Lsn	confirmed;			/* what the slot was told at most */

static Sink *
resume_life(void)
{
	SlotIdentity slot = identity;
	Sink	   *sink = sink_new();
	SinkResume	result;
	Error		err;

	error_clear(&err);
	slot.confirmed = confirmed > 50 ? confirmed : 50;
	result = sink->ops->resume(sink, &slot, &err);
	if (result == SINK_RESUME_FAILED && op_count >= fault_at)
	{
		sink_free(sink);
		return NULL;
	}
	if (result == SINK_RESUME_FAILED)
		fail_msg("%s: %s", err.message, err.hint);
	assert_true(sink->accepted.lsn >= confirmed);
	if (result == SINK_NEW)
	{
		assert_int_equal(confirmed, 0);
		assert_true(sink->ops->record(sink, slot.confirmed, &err));
	}
	return sink;
}

static void
note_durable(const Sink *sink)
{
	add_op(OP_DURABLE, 0, NULL, (int64_t) sink->durable, NULL, 0);
}

/* One transaction; false: the disk failed. */
static bool
deliver_one(Sink *sink, int n)
{
	TxnEnd		end = {.end_lsn = (Lsn) n * 100 + 50};
	char		text[32];
	Error		err;

	for (int k = 1; k <= n % 4; k++)
	{
		Position	position = {(Lsn) n * 100, (uint64_t) k};

		snprintf(text, sizeof(text), "%d.%d;", n, k);
		if (!position_before(position, sink->accepted) &&
			put_text(sink, position, text, strlen(text), &err) != SINK_OK)
			return false;
	}
	if (sink->accepted.lsn < end.end_lsn &&
		sink_commit(sink, &end, &err) != SINK_OK)
		return false;
	note_durable(sink);
	return true;
}

static bool
step_life(Sink *sink, int n)
{
	char		key[16];
	Error		err;

	snprintf(key, sizeof(key), "n%d", n);
	if (chance(6) == 0)
		assert_true(notes_set(&sink->notes, key, slice_of("value"), &err));
	if (!deliver_one(sink, n))
		return false;
	if (chance(3) == 0 && sink_poll(sink, &err) != SINK_POLL_OK)
		return false;
	return chance(8) != 0 || sink->ops->reopen(sink, &err);
}

static void
live(void)
{
	Sink	   *sink = resume_life();
	int			count = 1 + (int) chance(12);
	int			first;
	Error		err;

	if (sink == NULL)
		return;

	/* the loop polls before it offers */
	if (sink_poll(sink, &err) == SINK_POLL_OK)
	{
		note_durable(sink);
		first = (int) (sink->accepted.lsn / 100);
		for (int n = first; n < first + count && step_life(sink, n); n++)
			;
		if (chance(2) == 0 && sink->ops->drain(sink, 0, &err))
			note_durable(sink);
	}
	sink_free(sink);
}

static Lsn
durable_before(size_t failure)
{
	Lsn			durable = confirmed;

	for (size_t i = 0; i < failure; i++)
		if (ops[i].kind == OP_DURABLE && (Lsn) ops[i].offset > durable)
			durable = (Lsn) ops[i].offset;
	return durable;
}

static void
live_and_lose_power(void)
{
	Name		left[MAX_NAMES];
	size_t		failure;
	size_t		first;
	size_t		count;

	begin_record();
	first = op_count;
	live();
	recording = false;
	failure = first + chance((unsigned) (op_count - first) + 1);
	confirmed = durable_before(failure);
	count = fail_power(failure, left);
	write_files(left, count);
}

/* All rotated files in the order of their names, then the last one. */
static char *
read_all(void)
{
	struct dirent **entries;
	int			count = scandir(directory, &entries, NULL, name_order);
	char	   *all = calloc(1, 1 << 20);
	char	   *last = file_read(path);

	for (int i = 0; i < count; i++)
	{
		if (strncmp(entries[i]->d_name, "out.0", 5) == 0)
		{
			char	   *text = file_read(in_directory(entries[i]->d_name));

			strcat(all, text);
			free(text);
		}
		free(entries[i]);
	}
	free(entries);
	strcat(all, last);
	free(last);
	return all;
}

static void
check_history(void)
{
	Sink	   *sink;
	char	   *expected;
	char	   *all;
	int			last;
	Error		err;

	fault_at = SIZE_MAX;
	sink = resume_life();
	if (sink_poll(sink, &err) != SINK_POLL_OK)
		fail_msg("%s: %s", err.message, err.hint);
	last = (int) (sink->accepted.lsn / 100) + 3;
	for (int n = (int) (sink->accepted.lsn / 100); n <= last; n++)
		assert_true(deliver_one(sink, n));
	drain_and_free(sink);
	for (size_t i = 0; i < op_count; i++)
		free(ops[i].data);
	op_count = 0;
	expected = script(1, last);
	all = read_all();
	assert_string_equal(all, expected);
	free(expected);
	free(all);
}

static void
histories(int rounds)
{
	for (int round = 0; round < rounds; round++)
	{
		clear_directory();
		confirmed = 0;
		for (int i = 0; i < LIVES; i++)
			live_and_lose_power();
		check_history();
	}
}

static int
rounds(void)
{
	const char *wanted = getenv("POWER_ROUNDS");

	return wanted != NULL ? atoi(wanted) : 20;
}

static void
test_power(void **unused)
{
	(void) unused;
	set_option("sync_interval", "0");
	histories(rounds());
}

static void
test_power_rotating(void **unused)
{
	(void) unused;
	set_option("sync_interval", "0");
	set_option("rotate_bytes", "30B");
	histories(rounds());
}

/* Several transactions between two syncs. */
static void
test_power_lazy(void **unused)
{
	(void) unused;
	set_option("rotate_bytes", "100B");
	histories(rounds());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power),
		TEST(test_power_rotating),
		TEST(test_power_lazy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
