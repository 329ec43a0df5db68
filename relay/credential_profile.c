/*
 * credential_profile.c
 *		AWS's shared profile files. See credential_profile.h.
 */
#include "credential_profile.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include "secret.h"

#define PROFILE_PATH	4096
#define PROFILE_LINE	8192	/* session tokens run to 2 kB and more */

/* What a profile can say that we would have to obey but cannot. */
static const char *const profile_unserved[] = {
	"source_profile", "credential_source", "credential_process",
	"sso_session", "sso_start_url", NULL
};

void
profile_free(Profile *profile)
{
	secret_free(&profile->access_key_id);
	secret_free(&profile->secret_access_key);
	secret_free(&profile->session_token);
	secret_free(&profile->region);
	secret_free(&profile->role_arn);
	secret_free(&profile->role_session_name);
	secret_free(&profile->token_file);
}

static const char *
profile_environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Cuts blanks off both ends, in place. */
static char *
trim(char *text)
{
	size_t		size;

	while (isspace((unsigned char) *text))
		text++;
	size = strlen(text);
	while (size > 0 && isspace((unsigned char) text[size - 1]))
		text[--size] = '\0';
	return text;
}

/* "[default]", "[name]" or, in the config file, "[profile name]". */
static bool
section_matches(char *line, const char *name)
{
	char	   *end = strchr(line, ']');
	char	   *section;

	if (end == NULL)
		return false;
	*end = '\0';
	section = trim(line + 1);
	if (strncmp(section, "profile", 7) == 0 &&
		isspace((unsigned char) section[7]))
		section = trim(section + 7);
	return strcmp(section, name) == 0;
}

/* The first file to name a value wins: credentials before config. */
static bool
profile_set(Profile *profile, const char *name, const char *value, Error *err)
{
	char	  **slot = NULL;

	if (strcmp(name, "aws_access_key_id") == 0)
		slot = &profile->access_key_id;
	else if (strcmp(name, "aws_secret_access_key") == 0)
		slot = &profile->secret_access_key;
	else if (strcmp(name, "aws_session_token") == 0)
		slot = &profile->session_token;
	else if (strcmp(name, "region") == 0)
		slot = &profile->region;
	else if (strcmp(name, "role_arn") == 0)
		slot = &profile->role_arn;
	else if (strcmp(name, "role_session_name") == 0)
		slot = &profile->role_session_name;
	else if (strcmp(name, "web_identity_token_file") == 0)
		slot = &profile->token_file;
	for (int i = 0; slot == NULL && profile_unserved[i] != NULL; i++)
		if (strcmp(name, profile_unserved[i]) == 0)
			profile->unserved = profile_unserved[i];
	if (slot == NULL || *slot != NULL || value[0] == '\0')
		return true;
	return secret_copy_string(slot, value, err);
}

/* Lines that begin with a blank belong to a nested block: not ours. */
static bool
profile_read_lines(Profile *profile, FILE *in, char *line, const char *name,
				   Error *err)
{
	bool		inside = false;

	while (fgets(line, PROFILE_LINE, in) != NULL)
	{
		char	   *equals;

		if (line[0] == '[')
		{
			inside = section_matches(line, name);
			profile->found |= inside;
			continue;
		}
		if (!inside || line[0] == '#' || line[0] == ';' ||
			isspace((unsigned char) line[0]))
			continue;
		equals = strchr(line, '=');
		if (equals == NULL)
			continue;
		*equals = '\0';
		if (!profile_set(profile, trim(line), trim(equals + 1), err))
			return false;
	}
	return true;
}

static bool
profile_check_mode(const Profile *profile, FILE *in, const char *path,
				   Error *err)
{
	struct stat info;

	if (profile->secret_access_key == NULL || fstat(fileno(in), &info) != 0 ||
		!S_ISREG(info.st_mode) || (info.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return true;
	error_set(err, ERROR_SECRET_FILE,
			  "file \"%s\" holds a secret key and is open to other users",
			  path);
	return error_hint(err, "Close it with: chmod 600 \"%s\".", path);
}

/* A missing file is none unless it is required. */
static bool
profile_read(Profile *profile, const char *path, const char *name,
			 bool required, Error *err)
{
	FILE	   *in = fopen(path, "re");
	char		line[PROFILE_LINE];
	bool		had_secret = profile->secret_access_key != NULL;
	bool		ok;

	if (in == NULL)
	{
		if (!required && (errno == ENOENT || errno == ENOTDIR))
			return true;
		return error_set(err, ERROR_SECRET_FILE,
						 "could not read file \"%s\": %s",
						 path, strerror(errno));
	}
	setvbuf(in, NULL, _IONBF, 0);	/* no copy of a secret in its buffer */
	ok = profile_read_lines(profile, in, line, name, err);
	if (ok && !had_secret)
		ok = profile_check_mode(profile, in, path, err);
	OPENSSL_cleanse(line, sizeof(line));
	fclose(in);
	return ok;
}

/* The named variable's file, else ~/.aws/NAME; "" if there is no home. */
static bool
profile_path(char *path, const char *variable, const char *name)
{
	const char *given = profile_environment(variable);
	const char *home = profile_environment("HOME");

	path[0] = '\0';
	if (given != NULL)
		snprintf(path, PROFILE_PATH, "%s", given);
	else if (home != NULL)
		snprintf(path, PROFILE_PATH, "%s/.aws/%s", home, name);
	return given != NULL;
}

bool
profile_load(Profile *profile, const char *name, const char *credentials_file,
			 Error *err)
{
	char		path[PROFILE_PATH];
	bool		given;

	given = profile_path(path, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
	if (credentials_file != NULL)
		snprintf(path, sizeof(path), "%s", credentials_file);
	given |= credentials_file != NULL;
	if (path[0] != '\0' && !profile_read(profile, path, name, given, err))
		return false;
	given = profile_path(path, "AWS_CONFIG_FILE", "config");
	if (path[0] != '\0' && !profile_read(profile, path, name, given, err))
		return false;

	/* a role is served with a web identity only */
	if (profile->role_arn != NULL && profile->token_file == NULL)
		profile->unserved = "role_arn";
	return true;
}
