/*
 * bytes.c
 *		Sizes as people read them.
 */
#include "bytes.h"

#include <stdio.h>

#define KB				1024.0
#define MB				(1024.0 * KB)
#define GB				(1024.0 * MB)

const char *
bytes_format(double bytes, char *text)
{
	if (bytes >= GB)
		snprintf(text, BYTES_TEXT_SIZE, "%.1f GB", bytes / GB);
	else if (bytes >= MB)
		snprintf(text, BYTES_TEXT_SIZE, "%.1f MB", bytes / MB);
	else if (bytes >= KB)
		snprintf(text, BYTES_TEXT_SIZE, "%.1f kB", bytes / KB);
	else
		snprintf(text, BYTES_TEXT_SIZE, "%.0f B", bytes);
	return text;
}
