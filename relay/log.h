/*
 * log.h
 *		Lines for people: on a terminal plain, in a file or a pipe with time
 *		and level, under systemd with the journal's priority prefix.
 *
 * Everything goes to stderr; stdout belongs to the data. Row contents are
 * never logged. Any thread may log, after log_init(): a line is written whole.
 */
#ifndef PG_FANOUT_LOG_H
#define PG_FANOUT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

typedef enum LogLevel
{
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
} LogLevel;

extern void log_init(LogLevel level);
extern bool log_enabled(LogLevel level);

extern void log_error(const char *format,...)
			__attribute__((format(printf, 1, 2)));
extern void log_warning(const char *format,...)
			__attribute__((format(printf, 1, 2)));
extern void log_info(const char *format,...)
			__attribute__((format(printf, 1, 2)));
extern void log_debug(const char *format,...)
			__attribute__((format(printf, 1, 2)));

/* Message, detail and hint of an Error, each on a line of its own. */
extern void log_report(LogLevel level, const Error *err);

/* What was said of something that is tried again and again; zero: nothing. */
typedef struct LogMemory
{
	Error		said;
	int64_t		again;			/* monotonic: when it may be said once more */
} LogMemory;

/*
 * As log_report, if the reason is another one than before, or was said some
 * minutes ago: somebody may look at the log hours later. Else for debugging,
 * and false.
 */
extern bool log_report_new(LogMemory *memory, LogLevel level,
						   const Error *err);

/*
 * The progress line: on a terminal it is drawn over the last one, elsewhere it
 * is an info line.
 */
extern void log_progress(const char *line);
extern bool log_is_terminal(void);

#endif							/* PG_FANOUT_LOG_H */
