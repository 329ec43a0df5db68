/*
 * log.c
 *		Lines for people. See log.h.
 *
 * A line is put together on the stack and written with one write(), so lines
 * of several processes in one file do not mix. Control characters become
 * blanks: names come from the database, and must forge neither a line nor a
 * terminal's escape sequence.
 */
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

#define LOG_LINE_SIZE	2048
#define LOG_PROGRAM		"pg_fanout"
#define LOG_AGAIN		(300 * CLOCK_SECOND)

typedef enum LogStyle
{
	LOG_STYLE_UNKNOWN,
	LOG_STYLE_TERMINAL,
	LOG_STYLE_JOURNAL,
	LOG_STYLE_FILE
} LogStyle;

static LogLevel log_level = LOG_LEVEL_INFO;
static LogStyle log_style = LOG_STYLE_UNKNOWN;
static atomic_bool log_progress_shown = false;

/* systemd names the device and inode of the journal's stream. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device;
	unsigned long long inode;
	struct stat status;

	return stream != NULL &&
		sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		fstat(STDERR_FILENO, &status) == 0 &&
		status.st_dev == device && status.st_ino == inode;
}

void
log_init(LogLevel level)
{
	log_level = level;
	if (isatty(STDERR_FILENO))
		log_style = LOG_STYLE_TERMINAL;
	else if (stderr_is_journal())
		log_style = LOG_STYLE_JOURNAL;
	else
		log_style = LOG_STYLE_FILE;
}

bool
log_enabled(LogLevel level)
{
	return level <= log_level;
}

bool
log_is_terminal(void)
{
	if (log_style == LOG_STYLE_UNKNOWN)
		log_init(log_level);
	return log_style == LOG_STYLE_TERMINAL;
}

/*
 * What stands before the text of a line. On a terminal info needs no word, and
 * a label ("hint: ") takes the place of the level's.
 */
static int
line_start(char *line, size_t room, LogLevel level, const char *label)
{
	static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	static const int priorities[] = {3, 4, 6, 7};
	int64_t		now = clock_wall();
	time_t		seconds = (time_t) (now / CLOCK_SECOND);
	struct tm	tm;
	char		time[32];

	if (log_is_terminal())
		return snprintf(line, room, "%s%s: %s",
						log_progress_shown ? "\r\033[K" : "", LOG_PROGRAM,
						label[0] != '\0' ? label : words[level]);
	if (log_style == LOG_STYLE_JOURNAL)
		return snprintf(line, room, "<%d>%s", priorities[level], label);
	gmtime_r(&seconds, &tm);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(line, room, "%s.%03dZ %s: %s", time,
					(int) (now % CLOCK_SECOND / CLOCK_MS), levels[level],
					label);
}

/* A log that cannot be written has nobody to tell. */
static void
line_write(const char *line, size_t size)
{
	ssize_t		ignored = write(STDERR_FILENO, line, size);

	(void) ignored;
}

static void
line_put(LogLevel level, const char *label, const char *text)
{
	char		line[LOG_LINE_SIZE];
	int			start = line_start(line, sizeof(line), level, label);
	size_t		size;

	snprintf(line + start, sizeof(line) - (size_t) start, "%s", text);
	size = strlen(line);
	for (size_t i = (size_t) start; i < size; i++)
		if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	if (size == sizeof(line) - 1)
		size--;
	line[size++] = '\n';
	line_write(line, size);
	log_progress_shown = false;
}

__attribute__((format(printf, 2, 0)))
static void
line_format(LogLevel level, const char *format, va_list args)
{
	char		text[LOG_LINE_SIZE];

	if (!log_enabled(level))
		return;
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		return;
	line_put(level, "", text);
}

void
log_error(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	line_format(LOG_LEVEL_ERROR, format, args);
	va_end(args);
}

void
log_warning(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	line_format(LOG_LEVEL_WARNING, format, args);
	va_end(args);
}

void
log_info(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	line_format(LOG_LEVEL_INFO, format, args);
	va_end(args);
}

void
log_debug(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	line_format(LOG_LEVEL_DEBUG, format, args);
	va_end(args);
}

void
log_report(LogLevel level, const Error *err)
{
	if (!log_enabled(level))
		return;
	line_put(level, "", err->message);
	if (err->detail[0] != '\0')
		line_put(level, "detail: ", err->detail);
	if (err->hint[0] != '\0')
		line_put(level, "hint: ", err->hint);
}

bool
log_report_new(LogMemory *memory, LogLevel level, const Error *err)
{
	int64_t		now = clock_now();

	if (strcmp(memory->said.message, err->message) == 0 &&
		strcmp(memory->said.detail, err->detail) == 0 && now < memory->again)
	{
		log_report(LOG_LEVEL_DEBUG, err);
		return false;
	}
	memory->said = *err;
	memory->again = now + LOG_AGAIN;
	log_report(level, err);
	return true;
}

void
log_progress(const char *line)
{
	char		text[LOG_LINE_SIZE];

	if (!log_is_terminal())
	{
		log_info("%s", line);
		return;
	}
	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	snprintf(text, sizeof(text), "\r\033[K%s: %s", LOG_PROGRAM, line);
	line_write(text, strlen(text));
	log_progress_shown = true;
}
