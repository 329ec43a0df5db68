/*
 * error.c
 *		What went wrong, where, and what to do about it. See error.h.
 *
 * Everything is formatted into a block on the stack first, so that the parts
 * of the Error itself may be arguments. A text that does not fit is cut
 * between two characters. Knows nothing of logging.
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct CodeText
{
	const char *name;
	const char *meaning;
} CodeText;

static const CodeText code_texts[] = {
	[ERROR_NONE] = {"ok", "success"},
	[ERROR_INTERNAL] = {"internal", "internal error or out of memory"},
	[ERROR_USAGE] = {"usage",
	"wrong option, value, URL or configuration file"},
	[ERROR_SECRET_FILE] = {"secret-file",
	"file with secrets is unreadable or open to others"},
	[ERROR_CONNECT] = {"connect", "server cannot be reached"},
	[ERROR_AUTH] = {"auth", "login or permission refused by the server"},
	[ERROR_SLOT_MISSING] = {"slot-missing",
	"replication slot does not exist"},
	[ERROR_SLOT_IN_USE] = {"slot-in-use",
	"replication slot is in use by another connection"},
	[ERROR_SLOT_UNUSABLE] = {"slot-unusable",
	"replication slot cannot be used: other plugin, other database or two-phase"},
	[ERROR_PLUGIN_REFUSED] = {"plugin-refused",
	"output plugin is not installed or not allowed"},
	[ERROR_PUBLICATION] = {"publication",
	"publication is missing or cannot be used"},
	[ERROR_SOURCE] = {"source",
	"server sent something that is not understood"},
	[ERROR_CHECKPOINT] = {"checkpoint",
	"a sink's checkpoint does not fit the slot: changes may be missing"},
	[ERROR_SINK_SETUP] = {"sink-setup", "sink cannot be opened"},
	[ERROR_SINK_WRITE] = {"sink-write", "sink refused a record for good"},
	[ERROR_RECORD] = {"record", "record cannot be rendered or delivered"},
	[ERROR_DISK] = {"disk", "disk full or I/O error"},
	[ERROR_SYSTEM] = {"system",
	"server is another database system than before"},
	[ERROR_TIMELINE] = {"timeline",
	"server was left behind by a failover, or restored from an old backup"},
	[ERROR_DIVERGED] = {"diverged",
	"a sink holds transactions that the server lost"},
	[ERROR_SLOT_RECREATED] = {"slot-recreated",
	"replication slot is a new one: changes before it are missing"},
	[ERROR_SLOT_INVALIDATED] = {"slot-invalidated",
	"server has invalidated the replication slot"},
	[ERROR_SLOT_DROPPED] = {"slot-dropped",
	"replication slot was dropped while it was in use"},
	[ERROR_RETAINED_WAL] = {"retained-wal",
	"stopped because the slot holds back more WAL than max_retained_wal"},
	[ERROR_SLOT_GIVEN_UP] = {"slot-given-up",
	"slot was dropped because it held back more WAL than max_retained_wal"},
	[ERROR_SPOOL] = {"spool",
	"the spool belongs to another slot, is damaged or in use"},
	[ERROR_SPOOL_FULL] = {"spool-full",
	"the spool is full, and spool_full is stop"},
	[ERROR_SNAPSHOT] = {"snapshot",
	"snapshot cannot be taken, or was not finished"},
	[ERROR_TWO_WRITERS] = {"two-writers",
	"another relay writes to the sink's place"},
	[ERROR_VERIFY] = {"verify", "--verify found gaps, overlaps or damage"},
	[ERROR_SKIP] = {"skip", "record that --skip names is not there"},
	[ERROR_SINK_SHARED] = {"sink-shared",
	"another relay writes for the same sink"},
};

#define CODE_COUNT (sizeof(code_texts) / sizeof(code_texts[0]))

/* Takes a character that was cut in two, and white space, off the end. */
static void
text_trim(char *text, bool cut)
{
	size_t		size = strlen(text);

	if (cut)
	{
		size_t		start = size;

		while (start > 0 && ((unsigned char) text[start - 1] & 0xc0) == 0x80)
			start--;
		if (start > 0 && (unsigned char) text[start - 1] >= 0xc0)
			size = start - 1;
	}
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r' ||
						text[size - 1] == ' '))
		size--;
	text[size] = '\0';
}

__attribute__((format(printf, 2, 0)))
static void
text_format(char *out, const char *format, va_list args)
{
	char		text[ERROR_TEXT_SIZE];
	int			size = vsnprintf(text, sizeof(text), format, args);

	if (size < 0)
		text[0] = '\0';
	text_trim(text, size >= (int) sizeof(text));
	memcpy(out, text, strlen(text) + 1);
}

bool
error_set(Error *err, ErrorCode code, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	text_format(err->message, format, args);
	va_end(args);
	err->code = code;
	err->retriable = false;
	err->detail[0] = '\0';
	err->hint[0] = '\0';
	return false;
}

bool
error_detail(Error *err, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	text_format(err->detail, format, args);
	va_end(args);
	return false;
}

bool
error_hint(Error *err, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	text_format(err->hint, format, args);
	va_end(args);
	return false;
}

bool
error_retriable(Error *err)
{
	err->retriable = true;
	return false;
}

bool
error_prefix(Error *err, const char *format,...)
{
	char		prefix[ERROR_TEXT_SIZE];
	char		message[ERROR_TEXT_SIZE];
	va_list		args;
	int			size;

	va_start(args, format);
	text_format(prefix, format, args);
	va_end(args);
	size = snprintf(message, sizeof(message), "%s: %s", prefix, err->message);
	text_trim(message, size >= (int) sizeof(message));
	memcpy(err->message, message, strlen(message) + 1);
	return false;
}

bool
error_no_memory(Error *err)
{
	return error_set(err, ERROR_INTERNAL, "out of memory");
}

void
error_clear(Error *err)
{
	err->code = ERROR_NONE;
	err->retriable = false;
	err->message[0] = '\0';
	err->detail[0] = '\0';
	err->hint[0] = '\0';
}

bool
error_code_exists(ErrorCode code)
{
	return (size_t) code < CODE_COUNT && code_texts[code].name != NULL;
}

const char *
error_code_name(ErrorCode code)
{
	return error_code_exists(code) ? code_texts[code].name : "unknown";
}

const char *
error_code_meaning(ErrorCode code)
{
	return error_code_exists(code) ? code_texts[code].meaning :
		"unknown error";
}
