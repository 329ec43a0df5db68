/*
 * error.h
 *		What went wrong, where, and what to do about it.
 *
 * A function that can fail takes `Error *err` last, fills it and returns false
 * (or its enum's failure). An Error is one allocation-free block: describing a
 * failure never fails. Secrets enter no message: callers name the option, not
 * its value.
 */
#ifndef PG_FANOUT_ERROR_H
#define PG_FANOUT_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))

/* The process's exit codes: documented in README and in --help. */
typedef enum ErrorCode
{
	ERROR_NONE = 0,
	ERROR_INTERNAL = 1,			/* a bug, or out of memory */
	ERROR_USAGE = 2,			/* bad option, value, URL or config file */
	ERROR_SECRET_FILE = 3,		/* unreadable or readable by others */
	ERROR_CONNECT = 4,			/* server cannot be reached */
	ERROR_AUTH = 5,				/* password, role, pg_hba, missing right */
	ERROR_SLOT_MISSING = 6,
	ERROR_SLOT_IN_USE = 7,
	ERROR_SLOT_UNUSABLE = 8,	/* other plugin, other database, two-phase */
	ERROR_PLUGIN_REFUSED = 9,	/* not installed or not in
								 * output_plugin_libraries */
	ERROR_PUBLICATION = 10,		/* missing or not usable */
	ERROR_SOURCE = 11,			/* server sent what we cannot understand */
	ERROR_CHECKPOINT = 12,		/* slot ahead of a checkpoint: a gap */
	ERROR_SINK_SETUP = 13,		/* sink cannot be opened: unreachable, refused,
								 * missing */
	ERROR_SINK_WRITE = 14,		/* sink refused a record or a write for good */
	ERROR_RECORD = 15,			/* record cannot be rendered or delivered */
	ERROR_DISK = 16,			/* disk full, I/O error */
	ERROR_SYSTEM = 17,			/* another database system than before */
	ERROR_TIMELINE = 18,		/* server left behind by a failover */
	ERROR_DIVERGED = 19,		/* a sink has what the server lost */
	ERROR_SLOT_RECREATED = 20,	/* a gap: the slot is a new one */
	ERROR_SLOT_INVALIDATED = 21,
	ERROR_SLOT_DROPPED = 22,	/* while it was in use */
	ERROR_RETAINED_WAL = 23,	/* stopped: max_retained_wal */
	ERROR_SLOT_GIVEN_UP = 24,	/* dropped: max_retained_wal */
	ERROR_SINK_SHARED = 25,		/* another relay writes for the same sink */
	ERROR_TWO_WRITERS = 26,		/* another relay has taken the sink over */
	ERROR_VERIFY = 27,			/* --verify found the chain damaged */
	ERROR_SNAPSHOT = 28,		/* not possible, or not finished */
	ERROR_SPOOL = 30,			/* of another slot, damaged, in use */
	ERROR_SPOOL_FULL = 31,		/* and told to stop then */
	ERROR_SKIP = 32,			/* what --skip names is not there */
	ERROR_CODE_END				/* behind the last one */
} ErrorCode;

#define ERROR_TEXT_SIZE 512

typedef struct Error
{
	ErrorCode	code;
	bool		retriable;		/* trying again later may help */
	char		message[ERROR_TEXT_SIZE];	/* lower case, no full stop */
	char		detail[ERROR_TEXT_SIZE];	/* sentences, or empty */
	char		hint[ERROR_TEXT_SIZE];	/* sentences, or empty */
} Error;

/* All return false, so that `return error_set(...)` reads well. */
extern bool error_set(Error *err, ErrorCode code, const char *format,...)
			__attribute__((format(printf, 3, 4)));
extern bool error_detail(Error *err, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern bool error_hint(Error *err, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Marks it as worth retrying. */
extern bool error_retriable(Error *err);

/* Puts "what: " before the message, for callers that know where they were. */
extern bool error_prefix(Error *err, const char *format,...)
			__attribute__((format(printf, 2, 3)));

extern bool error_no_memory(Error *err);
extern void error_clear(Error *err);

/* Numbers between those that exist are kept for others. */
extern bool error_code_exists(ErrorCode code);

/* "usage", "slot-missing"...: the code's stable word; and its sentence. */
extern const char *error_code_name(ErrorCode code);
extern const char *error_code_meaning(ErrorCode code);

/* The highest code there is. */
extern ErrorCode error_code_last(void);

#endif							/* PG_FANOUT_ERROR_H */
