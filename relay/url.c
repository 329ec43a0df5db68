/*
 * url.c
 *		Sink URLs, taken apart. See config.h.
 *
 * A URL may hold secrets its user put there, so no error text repeats it.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"

#define URL_MAX			8192
#define URL_QUERY_MAX	1000

/* A copy with the escapes decoded; what names the part in errors. */
static char *
url_decode(const char *text, size_t size, const char *what, Error *err)
{
	char	   *copy = malloc(size + 1);
	char	   *out = copy;

	if (copy == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	for (size_t i = 0; i < size; i++)
	{
		int			high;
		int			low;

		if (text[i] != '%')
		{
			*out++ = text[i];
			continue;
		}
		high = i + 1 < size ? hex_digit(text[i + 1]) : -1;
		low = i + 2 < size ? hex_digit(text[i + 2]) : -1;
		if (high < 0 || low < 0 || high + low == 0)
		{
			error_set(err, ERROR_USAGE, "wrong percent escape in a URL's %s",
					  what);
			error_hint(err, "Write \"%%25\" for a percent sign.");
			free(copy);
			return NULL;
		}
		*out++ = (char) (high * 16 + low);
		i += 2;
	}
	*out = '\0';
	return copy;
}

/* Letters, digits, '+', '-' and '.' up to the first colon; folded to lower. */
static const char *
url_parse_scheme(Url *url, const char *text, Error *err)
{
	size_t		size = 0;

	while (isalnum((unsigned char) text[size]) ||
		   (text[size] != '\0' && strchr("+-.", text[size]) != NULL))
		size++;
	if (text[size] != ':' || !isalpha((unsigned char) text[0]))
	{
		error_set(err, ERROR_USAGE, "a sink's URL has no scheme");
		error_hint(err, "Write for example kafka://host:9092, s3://bucket/prefix or file:/path.");
		return NULL;
	}
	url->scheme = strndup(text, size);
	if (url->scheme == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	for (char *at = url->scheme; *at != '\0'; at++)
		*at = (char) tolower((unsigned char) *at);
	return text + size + 1;
}

/* Behind "//", up to the next '/' or '?'. */
static const char *
url_parse_authority(Url *url, const char *text, Error *err)
{
	size_t		size = 0;

	if (strncmp(text, "//", 2) == 0)
	{
		text += 2;
		size = strcspn(text, "/?");
	}
	if (memchr(text, '@', size) != NULL)
	{
		error_set(err, ERROR_USAGE,
				  "user name or password in the URL of a %s sink",
				  url->scheme);
		error_hint(err, "Secrets do not belong on a command line, where every user of the machine reads them: set the sink's options in a [sink NAME] section of the configuration file (mode 0600) or its environment variables.");
		return NULL;
	}
	url->authority = strndup(text, size);
	if (url->authority == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	return text + size;
}

static bool
url_add_query(Url *url, const char *text, size_t size, Error *err)
{
	const char *equals = memchr(text, '=', size);
	ConfigEntry *queries;
	ConfigEntry *entry;
	size_t		name_size;

	if (equals == NULL || equals == text)
	{
		error_set(err, ERROR_USAGE,
				  "option without name or value in the URL of a %s sink",
				  url->scheme);
		return error_hint(err, "Write \"?name=value&name=value\".");
	}
	if (url->query_count == URL_QUERY_MAX)
		return error_set(err, ERROR_USAGE, "too many options in a URL");
	queries = realloc(url->queries, (url->query_count + 1) * sizeof(*queries));
	if (queries == NULL)
		return error_no_memory(err);
	url->queries = queries;
	entry = &queries[url->query_count++];
	memset(entry, 0, sizeof(*entry));
	name_size = (size_t) (equals - text);
	entry->name = url_decode(text, name_size, "option name", err);
	if (entry->name == NULL)
		return false;
	entry->value = url_decode(equals + 1, size - name_size - 1, "option value",
							  err);
	return entry->value != NULL;
}

static bool
url_parse_queries(Url *url, const char *text, Error *err)
{
	while (*text != '\0')
	{
		size_t		size = strcspn(text, "&");

		if (size > 0 && !url_add_query(url, text, size, err))
			return false;
		text += size;
		if (*text == '&')
			text++;
	}
	return true;
}

/* With an authority before it the path's first slash only divides. */
static const char *
url_parse_path(Url *url, const char *text, Error *err)
{
	size_t		size;

	if (url->authority[0] != '\0' && *text == '/')
		text++;
	size = strcspn(text, "?");
	url->path = url_decode(text, size, "path", err);
	if (url->path == NULL)
		return NULL;
	text += size;
	return *text == '?' ? text + 1 : text;
}

bool
url_parse(Url *url, const char *text, Error *err)
{
	memset(url, 0, sizeof(*url));
	if (strlen(text) > URL_MAX)
		return error_set(err, ERROR_USAGE, "URL is longer than %d bytes",
						 URL_MAX);
	text = url_parse_scheme(url, text, err);
	if (text != NULL)
		text = url_parse_authority(url, text, err);
	if (text != NULL)
		text = url_parse_path(url, text, err);
	if (text != NULL && url_parse_queries(url, text, err))
		return true;
	url_free(url);
	return false;
}

void
url_free(Url *url)
{
	free(url->scheme);
	free(url->authority);
	free(url->path);
	for (size_t i = 0; i < url->query_count; i++)
	{
		ConfigEntry *entry = &url->queries[i];

		free(entry->name);
		if (entry->value != NULL)
			explicit_bzero(entry->value, strlen(entry->value));
		free(entry->value);
	}
	free(url->queries);
	memset(url, 0, sizeof(*url));
}
