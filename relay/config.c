/*
 * config.c
 *		The configuration file, taken apart. See config.h.
 *
 * The file is read whole, so lines have no limit but the file's. Its content
 * may be secret: error texts name the line, never what stands in it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"

#define CONFIG_FILE_MAX		((size_t) 4 << 20)
#define CONFIG_READ_SIZE	((size_t) 16 << 10)

/* Where reading stands. */
typedef struct ConfigReader
{
	Config	   *config;
	const char *path;
	const char *section;		/* NULL before the first one */
	int			line;
} ConfigReader;

/* ---- the file ---- */

static int
config_open(const char *path, Error *err)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		return fd;
	error_set(err, errno == EACCES ? ERROR_SECRET_FILE : ERROR_USAGE,
			  "cannot open configuration file \"%s\": %s", path,
			  strerror(errno));
	if (errno == EACCES)
		error_hint(err, "The file must be readable by the user that runs pg_fanout (user id %ld).",
				   (long) geteuid());
	return -1;
}

static bool
config_load(int fd, const char *path, Buf *text, Error *err)
{
	ssize_t		size;

	for (;;)
	{
		if (!buf_reserve(text, CONFIG_READ_SIZE))
			return error_set(err, ERROR_USAGE,
							 "configuration file \"%s\" is too large", path);
		size = read(fd, text->data + text->size, CONFIG_READ_SIZE);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return error_set(err, ERROR_USAGE,
							 "cannot read configuration file \"%s\": %s", path,
							 strerror(errno));
		if (size == 0)
			return true;
		text->size += (size_t) size;
	}
}

/*
 * Looks at the open file, not at the path, which might be another one by now.
 * One that root owns and only the owner may read was opened by root.
 */
static bool
config_check_private(int fd, const char *path, Error *err)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return error_set(err, ERROR_SECRET_FILE, "cannot examine \"%s\": %s",
						 path, strerror(errno));
	if (status.st_uid != geteuid() && status.st_uid != 0)
	{
		error_set(err, ERROR_SECRET_FILE,
				  "configuration file \"%s\" holds secrets and belongs to another user",
				  path);
		return error_hint(err, "chown %ld %s", (long) geteuid(), path);
	}
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
	{
		error_set(err, ERROR_SECRET_FILE,
			"configuration file \"%s\" holds secrets and is open to others",
				  path);
		error_detail(err, "Its permissions are %04o.",
					 (unsigned) (status.st_mode & 07777));
		return error_hint(err, "chmod 600 %s", path);
	}
	return true;
}

/* ---- lines ---- */

static bool
reader_error(const ConfigReader *reader, const char *what, Error *err)
{
	return error_set(err, ERROR_USAGE, "%s:%d: %s", reader->path, reader->line,
					 what);
}

static bool
is_blank(char letter)
{
	return letter == ' ' || letter == '\t';
}

static char *
skip_blanks(char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

/* Cuts blanks off the end. */
static void
trim_end(char *text)
{
	size_t		size = strlen(text);

	while (size > 0 && is_blank(text[size - 1]))
		size--;
	text[size] = '\0';
}

/*
 * Cuts a comment off: '#' or ';' after a blank. Looks at the character before
 * text, so that "name=#x" holds a value and "name= #x" does not.
 */
static void
cut_comment(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		if ((*at == '#' || *at == ';') && is_blank(at[-1]))
		{
			*at = '\0';
			return;
		}
}

/*
 * Takes the quotes off a value, in place; a quote that is doubled stands for
 * itself. Behind the closing one only a comment may follow.
 */
static bool
unquote(char *value)
{
	char		quote = *value;
	char	   *out = value;
	char	   *at = value + 1;

	for (;; at++)
	{
		if (*at == '\0')
			return false;
		if (*at == quote && *++at != quote)
			break;
		*out++ = *at;
	}
	cut_comment(at);
	if (*skip_blanks(at) != '\0')
		return false;
	*out = '\0';
	return true;
}

static bool
reader_add(ConfigReader *reader, const char *name, const char *value,
		   Error *err)
{
	Config	   *config = reader->config;
	ConfigEntry *entries = realloc(config->entries,
								   (config->count + 1) * sizeof(*entries));
	ConfigEntry *entry;

	if (entries == NULL)
		return error_no_memory(err);
	config->entries = entries;
	entry = &entries[config->count++];
	entry->section = strdup(reader->section);
	entry->name = strdup(name);
	entry->value = strdup(value);
	entry->line = reader->line;
	if (entry->section == NULL || entry->name == NULL || entry->value == NULL)
		return error_no_memory(err);
	return true;
}

/* "[sink lake]": the words within, one blank between them. */
static bool
reader_section(ConfigReader *reader, char *text, Error *err)
{
	char	   *end = strchr(text, ']');
	char	   *out = text;

	if (end == NULL)
		return reader_error(reader, "section has no closing \"]\"", err);
	cut_comment(end + 1);
	if (*skip_blanks(end + 1) != '\0')
		return reader_error(reader, "text after the section's \"]\"", err);
	*end = '\0';
	for (char *at = skip_blanks(text + 1); *at != '\0'; at++)
		if (!is_blank(*at))
			*out++ = *at;
		else if (!is_blank(at[1]) && at[1] != '\0')
			*out++ = ' ';
	*out = '\0';
	if (out == text)
		return reader_error(reader, "section has no name", err);
	reader->section = text;
	return true;
}

static bool
reader_entry(ConfigReader *reader, char *text, Error *err)
{
	char	   *value = strchr(text, '=');

	if (value == NULL)
	{
		reader_error(reader, "line is neither a section nor \"name = value\"",
					 err);
		return error_hint(err,
			"Options without an argument are written \"name = on\".");
	}
	*value = '\0';
	value = skip_blanks(value + 1);
	trim_end(text);
	if (*text == '\0' || strpbrk(text, " \t\"'#;") != NULL)
		return reader_error(reader, "wrong option name before \"=\"", err);
	if (reader->section == NULL)
	{
		reader_error(reader, "option before the first section", err);
		return error_hint(err, "Put \"[pg_fanout]\" on a line above it.");
	}
	if (*value == '"' || *value == '\'')
	{
		if (!unquote(value))
			return reader_error(reader,
				"value's closing quote is missing, or text follows it", err);
	}
	else
	{
		cut_comment(value);
		trim_end(value);
	}
	return reader_add(reader, text, value, err);
}

static bool
reader_line(ConfigReader *reader, char *text, Error *err)
{
	size_t		size = strlen(text);

	if (size > 0 && text[size - 1] == '\r')
		text[size - 1] = '\0';
	text = skip_blanks(text);
	if (*text == '\0' || *text == '#' || *text == ';')
		return true;
	if (*text == '[')
		return reader_section(reader, text, err);
	return reader_entry(reader, text, err);
}

static bool
reader_text(ConfigReader *reader, char *text, size_t size, Error *err)
{
	char	   *end = text + size;

	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (text < end)
	{
		char	   *line = text;
		char	   *stop = memchr(line, '\n', (size_t) (end - line));

		if (stop == NULL)
			stop = end;			/* buf_string put a NUL there */
		*stop = '\0';
		reader->line++;
		if (strlen(line) != (size_t) (stop - line))
			return reader_error(reader, "line holds a NUL byte", err);
		if (!reader_line(reader, line, err))
			return false;
		text = stop + 1;
	}
	return true;
}

bool
config_read(Config *config, const char *path,
			bool (*is_secret) (const ConfigEntry *entry), Error *err)
{
	ConfigReader reader = {config, path, NULL, 0};
	bool		ok = false;
	bool		secret = false;
	Buf			text;
	int			fd;

	memset(config, 0, sizeof(*config));
	buf_init(&text, CONFIG_FILE_MAX);
	fd = config_open(path, err);
	if (fd < 0 || !config_load(fd, path, &text, err))
		goto done;
	if (buf_string(&text) == NULL)
	{
		error_no_memory(err);
		goto done;
	}
	ok = reader_text(&reader, (char *) text.data, text.size, err);
	for (size_t i = 0; ok && i < config->count; i++)
		secret = secret || is_secret(&config->entries[i]);
	if (secret)
		ok = config_check_private(fd, path, err);

done:
	if (!ok)
		config_free(config);
	if (text.data != NULL)
		explicit_bzero(text.data, text.capacity);
	buf_free(&text);
	if (fd >= 0)
		close(fd);
	return ok;
}

void
config_free(Config *config)
{
	for (size_t i = 0; i < config->count; i++)
	{
		ConfigEntry *entry = &config->entries[i];

		free(entry->section);
		free(entry->name);
		if (entry->value != NULL)
			explicit_bzero(entry->value, strlen(entry->value));
		free(entry->value);
	}
	free(config->entries);
	memset(config, 0, sizeof(*config));
}
