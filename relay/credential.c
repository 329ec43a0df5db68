/*
 * credential.c
 *		Finding AWS keys. See credential.h.
 */
#include "credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "credential_profile.h"
#include "credential_remote.h"
#include "secret.h"

#define CREDENTIAL_REGION	"us-east-1"

struct CredentialLoad
{
	Credential	credential;		/* region, and the keys once they are there */
	RemoteFetch *fetch;			/* NULL: nobody has to be asked */
};

/* What the places are searched with. */
typedef struct Search
{
	const CredentialOptions *options;
	Profile		profile;
	const char *name;			/* of the profile */
	bool		preferred;		/* the options name a profile: before the
								 * environment */
	bool		asked;			/* somebody names a profile: it must exist */
} Search;

void
credential_free(Credential *credential)
{
	secret_free(&credential->access_key_id);
	secret_free(&credential->secret_access_key);
	secret_free(&credential->session_token);
	secret_free(&credential->region);
	credential->source = NULL;
	credential->expires = 0;
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

/* ---- the places that hold keys ---- */

static bool
set_keys(CredentialLoad *load, const CredentialOptions *values,
		 const char *source, Error *err)
{
	Credential *credential = &load->credential;

	if (values->secret_access_key == NULL || values->access_key_id == NULL)
	{
		error_set(err, ERROR_USAGE, "half of an AWS key pair in the %s",
				  source);
		return error_hint(err, "%s is missing.",
						  values->access_key_id == NULL ?
						  "The access key ID" : "The secret access key");
	}
	credential->source = source;
	return secret_copy_string(&credential->access_key_id,
							  values->access_key_id, err) &&
		secret_copy_string(&credential->secret_access_key,
						   values->secret_access_key, err) &&
		secret_copy_string(&credential->session_token, values->session_token,
						   err);
}

static bool
profile_refuse(const Search *search, Error *err)
{
	error_set(err, ERROR_SINK_SETUP,
			  "profile \"%s\" asks for %s, which is not supported",
			  search->name, search->profile.unserved);
	return error_hint(err,
		"Export its keys to the environment with: aws configure "
		"export-credentials --profile %s --format env.", search->name);
}

static bool
none_found(const Search *search, Error *err)
{
	if (search->asked && !search->profile.found)
		error_set(err, ERROR_SINK_SETUP, "profile \"%s\" does not exist",
				  search->name);
	else
		error_set(err, ERROR_SINK_SETUP, "no AWS credentials found");
	return error_hint(err,
		"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
		"aws_access_key_id and aws_secret_access_key under [%s] in "
		"~/.aws/credentials, or (for S3) access_key_id and secret_access_key "
		"into the sink's section of the configuration file.", search->name);
}

/* ---- the places that are asked for keys ---- */

static bool
ask(CredentialLoad *load, RemoteSource source, Error *err)
{
	source.region = load->credential.region;
	load->fetch = credential_remote_start(&source, err);
	return load->fetch != NULL;
}

static bool
ask_web_identity(CredentialLoad *load, Error *err)
{
	RemoteSource source = {.kind = REMOTE_WEB_IDENTITY,
		.role_arn = environment("AWS_ROLE_ARN"),
		.session_name = environment("AWS_ROLE_SESSION_NAME"),
		.token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE")};

	if (source.role_arn != NULL)
		return ask(load, source, err);
	error_set(err, ERROR_USAGE,
			  "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not");
	return error_hint(err, "Set AWS_ROLE_ARN to the role to assume.");
}

static bool
ask_neighbours(CredentialLoad *load, const Search *search, Error *err)
{
	const char *disabled = environment("AWS_EC2_METADATA_DISABLED");

	if (search->asked && !search->profile.found)
		return none_found(search, err);
	if (credential_remote_in_container())
		return ask(load, (RemoteSource) {.kind = REMOTE_CONTAINER}, err);
	if (disabled != NULL && strcasecmp(disabled, "true") == 0)
		return none_found(search, err);
	return ask(load, (RemoteSource) {.kind = REMOTE_INSTANCE}, err);
}

/* ---- the chain ---- */

static bool
try_profile(CredentialLoad *load, const Search *search, Error *err)
{
	const Profile *profile = &search->profile;
	CredentialOptions values = {.access_key_id = profile->access_key_id,
		.secret_access_key = profile->secret_access_key,
		.session_token = profile->session_token};
	RemoteSource source = {.kind = REMOTE_WEB_IDENTITY,
		.role_arn = profile->role_arn,
		.session_name = profile->role_session_name,
		.token_file = profile->token_file};
	bool		has_keys = values.access_key_id != NULL ||
		values.secret_access_key != NULL;

	/* keys beside a role are those to assume it with: not the ones meant */
	if (profile->unserved != NULL && (!has_keys || profile->role_arn != NULL))
		return profile_refuse(search, err);
	if (source.role_arn != NULL && source.token_file != NULL)
		return ask(load, source, err);
	if (has_keys)
		return set_keys(load, &values, "profile", err);
	return ask_neighbours(load, search, err);
}

/* From the first place that has any part of a key pair. */
static bool
search_all(CredentialLoad *load, const Search *search, Error *err)
{
	const CredentialOptions *options = search->options;
	CredentialOptions values = {
		.access_key_id = environment("AWS_ACCESS_KEY_ID"),
		.secret_access_key = environment("AWS_SECRET_ACCESS_KEY"),
		.session_token = environment("AWS_SESSION_TOKEN")
	};

	if (options->access_key_id != NULL || options->secret_access_key != NULL)
		return set_keys(load, options, "options", err);
	if (search->preferred)
		return try_profile(load, search, err);
	if (values.access_key_id != NULL || values.secret_access_key != NULL)
		return set_keys(load, &values, "environment", err);
	if (environment("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL)
		return ask_web_identity(load, err);
	return try_profile(load, search, err);
}

static bool
set_region(CredentialLoad *load, const Search *search, Error *err)
{
	const char *region = first_of(search->options->region,
								  environment("AWS_REGION"));

	region = first_of(region, environment("AWS_DEFAULT_REGION"));
	region = first_of(region, search->profile.region);
	load->credential.region_known = region != NULL;
	return secret_copy_string(&load->credential.region,
							  first_of(region, CREDENTIAL_REGION), err);
}

CredentialLoad *
credential_load_start(const CredentialOptions *options, Error *err)
{
	CredentialLoad *load = calloc(1, sizeof(*load));
	Search		search = {.options = options};
	const char *given = environment("AWS_PROFILE");
	bool		explicit_keys = options->access_key_id != NULL ||
		options->secret_access_key != NULL;
	bool		ok = false;

	if (load == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	search.preferred = options->profile != NULL ||
		options->credentials_file != NULL;
	search.asked = search.preferred || given != NULL;
	search.name = first_of(first_of(options->profile, given), "default");
	ok = (explicit_keys ||
		  profile_load(&search.profile, search.name,
					   options->credentials_file, err)) &&
		set_region(load, &search, err) && search_all(load, &search, err);
	profile_free(&search.profile);
	if (ok)
		return load;
	credential_load_free(load);
	return NULL;
}

CredentialState
credential_load_poll(CredentialLoad *load, int64_t wait,
					 Credential *credential, Error *err)
{
	CredentialState state = CREDENTIAL_READY;

	if (load->fetch != NULL)
		state = credential_remote_poll(load->fetch, wait, &load->credential,
									   err);
	if (state == CREDENTIAL_READY)
	{
		credential_free(credential);
		*credential = load->credential;
		load->credential = (Credential) {.source = NULL};
	}
	return state;
}

void
credential_load_free(CredentialLoad *load)
{
	if (load == NULL)
		return;
	credential_remote_free(load->fetch);
	credential_free(&load->credential);
	free(load);
}

bool
credential_load(Credential *credential, const CredentialOptions *options,
				Error *err)
{
	CredentialLoad *load = credential_load_start(options, err);
	CredentialState state;

	if (load == NULL)
		return false;
	state = credential_load_poll(load, CREDENTIAL_TIMEOUT, credential, err);
	credential_load_free(load);
	if (state == CREDENTIAL_PENDING)
	{
		error_set(err, ERROR_SINK_SETUP,
				  "no AWS credentials came within %d seconds",
				  (int) (CREDENTIAL_TIMEOUT / CLOCK_SECOND));
		return error_retriable(err);
	}
	return state == CREDENTIAL_READY;
}

bool
credential_is_due(const Credential *credential, int64_t wall)
{
	return credential->expires != 0 &&
		wall >= credential->expires - CREDENTIAL_MARGIN;
}
