/*
 * credential.c
 *		Finding S3's keys. See credential.h.
 */
#include "credential.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#define CREDENTIAL_REGION	"us-east-1"
#define CREDENTIAL_PATH		4096
#define CREDENTIAL_LINE		8192	/* session tokens run to 2 kB and more */

/* What a profile can say that we would have to obey but cannot yet. */
static const char *const credential_unserved[] = {
	"role_arn", "credential_process", "sso_session", "sso_start_url",
	"web_identity_token_file", NULL
};

/* What one profile holds, from both files. */
typedef struct Profile
{
	char	   *access_key_id;
	char	   *secret_access_key;
	char	   *session_token;
	char	   *region;
	const char *unserved;		/* the word of credential_unserved, or NULL */
	bool		found;
} Profile;

static void
secret_free(char **text)
{
	if (*text != NULL)
		OPENSSL_clear_free(*text, strlen(*text) + 1);
	*text = NULL;
}

/* Copies with OpenSSL's allocator, so that secret_free can wipe. */
static bool
secret_copy(char **to, const char *from, Error *err)
{
	secret_free(to);
	if (from == NULL)
		return true;
	*to = OPENSSL_strdup(from);
	return *to != NULL || error_no_memory(err);
}

void
credential_free(Credential *credential)
{
	secret_free(&credential->access_key_id);
	secret_free(&credential->secret_access_key);
	secret_free(&credential->session_token);
	secret_free(&credential->region);
	credential->source = NULL;
}

static void
profile_free(Profile *profile)
{
	secret_free(&profile->access_key_id);
	secret_free(&profile->secret_access_key);
	secret_free(&profile->session_token);
	secret_free(&profile->region);
}

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *
first_of(const char *a, const char *b)
{
	return a != NULL && a[0] != '\0' ? a : b;
}

/* ---- profile files ---- */

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
	for (int i = 0; slot == NULL && credential_unserved[i] != NULL; i++)
		if (strcmp(name, credential_unserved[i]) == 0)
			profile->unserved = credential_unserved[i];
	if (slot == NULL || *slot != NULL || value[0] == '\0')
		return true;
	return secret_copy(slot, value, err);
}

/* Lines that begin with a blank belong to a nested block: not ours. */
static bool
profile_read_lines(Profile *profile, FILE *in, char *line, const char *name,
				   Error *err)
{
	bool		inside = false;

	while (fgets(line, CREDENTIAL_LINE, in) != NULL)
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
	char		line[CREDENTIAL_LINE];
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
	const char *given = environment(variable);
	const char *home = environment("HOME");

	path[0] = '\0';
	if (given != NULL)
		snprintf(path, CREDENTIAL_PATH, "%s", given);
	else if (home != NULL)
		snprintf(path, CREDENTIAL_PATH, "%s/.aws/%s", home, name);
	return given != NULL;
}

static bool
profile_load(Profile *profile, const CredentialOptions *options,
			 const char *name, Error *err)
{
	char		path[CREDENTIAL_PATH];
	bool		given;

	given = profile_path(path, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
	if (options->credentials_file != NULL)
		snprintf(path, sizeof(path), "%s", options->credentials_file);
	given |= options->credentials_file != NULL;
	if (path[0] != '\0' && !profile_read(profile, path, name, given, err))
		return false;
	given = profile_path(path, "AWS_CONFIG_FILE", "config");
	return path[0] == '\0' || profile_read(profile, path, name, given, err);
}

/* ---- the chain ---- */

static bool
credential_set(Credential *credential, const CredentialOptions *values,
			   const char *source, Error *err)
{
	if (values->secret_access_key == NULL || values->access_key_id == NULL)
	{
		error_set(err, ERROR_USAGE, "half of an S3 key pair in the %s",
				  source);
		return error_hint(err, "%s is missing.",
						  values->access_key_id == NULL ?
						  "The access key ID" : "The secret access key");
	}
	credential->source = source;
	return secret_copy(&credential->access_key_id, values->access_key_id,
					   err) &&
		secret_copy(&credential->secret_access_key, values->secret_access_key,
					err) &&
		secret_copy(&credential->session_token, values->session_token, err);
}

static bool
credential_none(const Profile *profile, const char *name, bool asked,
				Error *err)
{
	if (profile->unserved != NULL)
	{
		error_set(err, ERROR_SINK_SETUP,
				  "profile \"%s\" asks for %s, which is not supported",
				  name, profile->unserved);
		return error_hint(err,
			"Export its keys to the environment with: aws configure "
			"export-credentials --profile %s --format env.", name);
	}
	if (asked && !profile->found)
		error_set(err, ERROR_SINK_SETUP, "profile \"%s\" does not exist",
				  name);
	else
		error_set(err, ERROR_SINK_SETUP, "no S3 credentials found");
	return error_hint(err,
		"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
		"aws_access_key_id and aws_secret_access_key under [%s] in "
		"~/.aws/credentials, or access_key_id and secret_access_key "
		"into the sink's section of the configuration file.", name);
}

static bool
credential_from_profile(Credential *credential, const Profile *profile,
						const char *name, bool asked, Error *err)
{
	CredentialOptions values = {.access_key_id = profile->access_key_id,
		.secret_access_key = profile->secret_access_key,
	.session_token = profile->session_token};

	if (values.access_key_id == NULL && values.secret_access_key == NULL)
		return credential_none(profile, name, asked, err);
	return credential_set(credential, &values, "profile", err);
}

/* From the first place that has any part of a key pair. */
static bool
credential_find(Credential *credential, const CredentialOptions *options,
				const Profile *profile, const char *name, Error *err)
{
	CredentialOptions values = {
		.access_key_id = environment("AWS_ACCESS_KEY_ID"),
		.secret_access_key = environment("AWS_SECRET_ACCESS_KEY"),
		.session_token = environment("AWS_SESSION_TOKEN")
	};
	bool		asked = options->profile != NULL ||
		options->credentials_file != NULL;

	if (options->access_key_id != NULL || options->secret_access_key != NULL)
		return credential_set(credential, options, "options", err);
	if (!asked &&
		(values.access_key_id != NULL || values.secret_access_key != NULL))
		return credential_set(credential, &values, "environment", err);
	return credential_from_profile(credential, profile, name,
								   asked ||
								   environment("AWS_PROFILE") != NULL, err);
}

bool
credential_load(Credential *credential, const CredentialOptions *options,
				Error *err)
{
	Profile		profile = {0};
	const char *name;
	const char *region;
	bool		explicit_keys = options->access_key_id != NULL ||
		options->secret_access_key != NULL;
	bool		ok = false;

	credential_free(credential);
	name = first_of(options->profile, environment("AWS_PROFILE"));
	name = first_of(name, "default");
	if (!explicit_keys && !profile_load(&profile, options, name, err))
		goto done;
	if (!credential_find(credential, options, &profile, name, err))
		goto done;
	region = first_of(options->region, environment("AWS_REGION"));
	region = first_of(region, environment("AWS_DEFAULT_REGION"));
	region = first_of(region, profile.region);
	ok = secret_copy(&credential->region, first_of(region, CREDENTIAL_REGION),
					 err);

done:
	profile_free(&profile);
	if (!ok)
		credential_free(credential);
	return ok;
}
