/*
 * bad_record.c
 *		Which record stops us, and the command that leaves it out.
 */
#include "bad_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_ROOM	160		/* of the sentence with the command */

const char *
bad_record_format(Position position, char *text)
{
	char		lsn[LSN_TEXT_SIZE];

	if (position.seq == 0)
		snprintf(text, BAD_RECORD_SIZE, "%s", lsn_format(position.lsn, lsn));
	else
		snprintf(text, BAD_RECORD_SIZE, "%s:%" PRIu64,
				 lsn_format(position.lsn, lsn), position.seq);
	return text;
}

bool
bad_record_parse(const char *text, Position *position)
{
	size_t		size = strcspn(text, ":");
	char		lsn[LSN_TEXT_SIZE];
	const char *digits = text + size + 1;

	*position = (Position) {0};
	if (size >= sizeof(lsn))
		return false;
	memcpy(lsn, text, size);
	lsn[size] = '\0';
	if (!lsn_parse(lsn, &position->lsn) || position->lsn == LSN_INVALID)
		return false;
	if (text[size] == '\0')
		return true;
	if (digits[0] < '1' || digits[0] > '9' ||
		strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 19)
		return false;
	position->seq = strtoull(digits, NULL, 10);
	return true;
}

bool
bad_record_explain(Error *err, Position position)
{
	char		text[BAD_RECORD_SIZE];
	char		hint[ERROR_TEXT_SIZE];
	bool		both = err->hint[0] != '\0';

	/* said already, or another command helps with all records alike */
	if (strstr(err->hint, "start once with --") != NULL)
		return false;
	bad_record_format(position, text);
	memcpy(hint, err->hint, sizeof(hint));
	error_prefix(err, "record at %s", text);

	/* the command must be whole, if one of the two cannot be */
	error_hint(err, "%.*s%sTo go on without this record start once with --skip=%s --skip-reason=TEXT.",
			   ERROR_TEXT_SIZE - COMMAND_ROOM, hint, both ? " " : "", text);
	return false;
}
