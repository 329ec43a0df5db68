/*
 * credential_remote.c
 *		AWS keys from services. See credential_remote.h.
 *
 * Each kind is a chain of one to three exchanges; every answer leads to the
 * next request, to the keys, or to an error. Only codes and messages of an
 * answer go into errors, never its body.
 */
#include "credential_remote.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "http_exchange.h"
#include "secret.h"
#include "sigv4.h"
#include "xml_text.h"

#define REMOTE_CONNECT_TIMEOUT	(1 * CLOCK_SECOND)
#define REMOTE_TIMEOUT			(4 * CLOCK_SECOND)
#define REMOTE_LIFE				(900 * CLOCK_SECOND)	/* if nobody says */
#define REMOTE_MAX_TOKEN		((size_t) 32 * 1024)
#define REMOTE_MAX_URL			((size_t) 4096)
#define REMOTE_TEXT				512

#define CONTAINER_HOST	"http://169.254.170.2"
#define INSTANCE_HOST	"http://169.254.169.254"
#define INSTANCE_HOST6	"http://[fd00:ec2::254]"
#define INSTANCE_ROLES	"/latest/meta-data/iam/security-credentials/"

typedef enum RemoteStep
{
	STEP_KEYS,					/* the answer holds the keys */
	STEP_TOKEN,					/* the instance's session token */
	STEP_ROLE					/* the name of the instance's role */
} RemoteStep;

struct RemoteFetch
{
	RemoteKind	kind;
	RemoteStep	step;
	HttpExchange *exchange;
	char		base[REMOTE_TEXT];	/* of the instance's metadata */
	char	   *token;			/* the instance's session token */
};

static const char *const remote_names[] = {
	[REMOTE_WEB_IDENTITY] = "web identity",
	[REMOTE_CONTAINER] = "container",
	[REMOTE_INSTANCE] = "instance metadata"
};

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool
remote_error(const RemoteFetch *fetch, Error *err, const char *why)
{
	return error_set(err, ERROR_SINK_SETUP,
					 "could not get AWS credentials from the %s: %s",
					 remote_names[fetch->kind], why);
}

/* Starts the next exchange of a chain. */
static bool
remote_send(RemoteFetch *fetch, const char *method, const char *url,
			const char *const *headers, const char *body, Error *err)
{
	HttpCall	call = {.method = method, .url = url, .headers = headers,
		.body = body, .connect_timeout = REMOTE_CONNECT_TIMEOUT,
		.timeout = REMOTE_TIMEOUT,
		.direct = fetch->kind != REMOTE_WEB_IDENTITY};

	http_exchange_free(fetch->exchange);
	fetch->exchange = http_exchange_start(&call, err);
	return fetch->exchange != NULL;
}

/*
 * A file that holds a token, without the blanks around it. Others may read it
 * where a platform puts it so.
 */
static bool
read_token(char **token, const char *path, Error *err)
{
	FILE	   *in = fopen(path, "re");
	char	   *text = OPENSSL_malloc(REMOTE_MAX_TOKEN);
	size_t		size = 0;
	size_t		start;
	bool		ok = false;

	if (text == NULL)
		error_no_memory(err);
	else if (in == NULL)
		error_set(err, ERROR_SECRET_FILE, "could not read file \"%s\": %s",
				  path, strerror(errno));
	else
	{
		setvbuf(in, NULL, _IONBF, 0);
		size = fread(text, 1, REMOTE_MAX_TOKEN - 1, in);
		text[size] = '\0';
		start = strspn(text, " \t\r\n");
		size = start + strcspn(text + start, " \t\r\n");
		ok = size > start ?
			secret_copy(token, slice_make(text + start, size - start), err) :
			error_set(err, ERROR_SECRET_FILE, "file \"%s\" holds no token",
					  path);
	}
	if (in != NULL)
		fclose(in);
	if (text != NULL)
		OPENSSL_clear_free(text, REMOTE_MAX_TOKEN);
	return ok;
}

/* ---- web identity ---- */

static void
sts_url(char *url, size_t size, const char *region)
{
	const char *given = environment("AWS_ENDPOINT_URL_STS");

	if (given != NULL)
		snprintf(url, size, "%s", given);
	else
		snprintf(url, size, "https://sts.%s.amazonaws.com%s/", region,
				 strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static void
append_field(Buf *body, const char *name, const char *value)
{
	buf_printf(body, "&%s=", name);
	sigv4_escape(body, slice_of(value), false);
}

static bool
start_web_identity(RemoteFetch *fetch, const RemoteSource *source, Error *err)
{
	static const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded",
		"Accept: application/xml", NULL
	};
	char		url[REMOTE_TEXT];
	char	   *token = NULL;
	Buf			body;
	bool		ok = false;

	buf_init(&body, 4 * REMOTE_MAX_TOKEN);
	sts_url(url, sizeof(url), source->region);
	if (!read_token(&token, source->token_file, err))
		goto done;
	buf_append_string(&body,
					  "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
	append_field(&body, "RoleArn", source->role_arn);
	append_field(&body, "RoleSessionName", source->session_name != NULL ?
				 source->session_name : "pg_fanout");
	append_field(&body, "WebIdentityToken", token);
	ok = buf_string(&body) != NULL ?
		remote_send(fetch, "POST", url, headers, buf_string(&body), err) :
		error_no_memory(err);

done:
	secret_free(&token);
	if (body.data != NULL)
		OPENSSL_cleanse(body.data, body.capacity);
	buf_free(&body);
	return ok;
}

/* ---- container ---- */

bool
credential_remote_in_container(void)
{
	return environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL ||
		environment("AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL;
}

/* Without TLS only this machine and the agents' addresses may have a token. */
static bool
container_url_is_safe(const char *url)
{
	static const char *const hosts[] = {
		"localhost", "127.0.0.1", "[::1]", "169.254.170.2",
		"169.254.170.23", "[fd00:ec2::23]", NULL
	};
	const char *host = url + strlen("http://");

	if (strncmp(url, "https://", 8) == 0)
		return true;
	if (strncmp(url, "http://", 7) != 0)
		return false;
	for (int i = 0; hosts[i] != NULL; i++)
	{
		size_t		size = strlen(hosts[i]);

		if (strncmp(host, hosts[i], size) == 0 &&
			(host[size] == '\0' || strchr(":/?", host[size]) != NULL))
			return true;
	}
	return false;
}

static bool
container_token(char **token, Error *err)
{
	const char *file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");

	if (file != NULL)
		return read_token(token, file, err);
	return secret_copy_string(token,
							  environment("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
							  err);
}

static bool
start_container(RemoteFetch *fetch, Error *err)
{
	const char *relative =
		environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *headers[] = {NULL, NULL};
	char	   *token = NULL;
	Buf			url;
	Buf			header;
	bool		ok = false;

	buf_init(&url, REMOTE_MAX_URL);
	buf_init(&header, REMOTE_MAX_TOKEN + 64);
	if (relative != NULL)
		buf_printf(&url, "%s%s", CONTAINER_HOST, relative);
	else
		buf_append_string(&url, full);
	if (buf_string(&url) == NULL || !container_url_is_safe(buf_string(&url)))
	{
		error_set(err, ERROR_USAGE, "AWS_CONTAINER_CREDENTIALS_FULL_URI must begin with https://, or name this host or a container agent's address");
		goto done;
	}
	if (!container_token(&token, err))
		goto done;
	if (token != NULL)
	{
		buf_printf(&header, "Authorization: %s", token);
		headers[0] = buf_string(&header);
	}
	ok = remote_send(fetch, "GET", buf_string(&url), headers, NULL, err);

done:
	secret_free(&token);
	if (header.data != NULL)
		OPENSSL_cleanse(header.data, header.capacity);
	buf_free(&header);
	buf_free(&url);
	return ok;
}

/* ---- instance metadata ---- */

static bool
start_instance(RemoteFetch *fetch, Error *err)
{
	static const char *const headers[] = {
		"X-aws-ec2-metadata-token-ttl-seconds: 300", NULL
	};
	const char *given = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	char		url[2 * REMOTE_TEXT];
	size_t		size;

	if (given == NULL)
		given = mode != NULL && strcasecmp(mode, "IPv6") == 0 ?
			INSTANCE_HOST6 : INSTANCE_HOST;
	snprintf(fetch->base, sizeof(fetch->base), "%s", given);
	size = strlen(fetch->base);
	if (size > 0 && fetch->base[size - 1] == '/')
		fetch->base[size - 1] = '\0';
	fetch->step = STEP_TOKEN;
	snprintf(url, sizeof(url), "%s/latest/api/token", fetch->base);
	return remote_send(fetch, "PUT", url, headers, NULL, err);
}

static bool
ask_instance(RemoteFetch *fetch, const char *role, Error *err)
{
	const char *headers[] = {NULL, NULL};
	char		url[3 * REMOTE_TEXT];
	Buf			header;
	bool		ok;

	buf_init(&header, REMOTE_MAX_TOKEN + 64);
	buf_printf(&header, "X-aws-ec2-metadata-token: %s", fetch->token);
	headers[0] = buf_string(&header);
	snprintf(url, sizeof(url), "%s" INSTANCE_ROLES "%s", fetch->base, role);
	ok = headers[0] != NULL ?
		remote_send(fetch, "GET", url, headers, NULL, err) :
		error_no_memory(err);
	if (header.data != NULL)
		OPENSSL_cleanse(header.data, header.capacity);
	buf_free(&header);
	return ok;
}

/* The first line of an answer: a token, a role's name. */
static Slice
first_line(Slice body)
{
	size_t		size = 0;

	while (size < body.size && body.data[size] > ' ' && body.data[size] < 0x7f)
		size++;
	return slice_make(body.data, size);
}

static bool
instance_next(RemoteFetch *fetch, Error *err)
{
	Slice		line = first_line(http_exchange_body(fetch->exchange));
	char		role[REMOTE_TEXT];

	if (line.size == 0 || line.size >= sizeof(role))
		return remote_error(fetch, err, "its answer is not understood");
	if (fetch->step == STEP_TOKEN)
	{
		fetch->step = STEP_ROLE;
		return secret_copy(&fetch->token, line, err) &&
			ask_instance(fetch, "", err);
	}
	memcpy(role, line.data, line.size);
	role[line.size] = '\0';
	fetch->step = STEP_KEYS;
	return ask_instance(fetch, role, err);
}

/* ---- what the answers say ---- */

/* "2026-11-23T05:00:00Z", with or without a fraction; 0: not understood. */
static int64_t
parse_time(const char *text)
{
	struct tm	parts = {0};
	const char *end = text != NULL ?
		strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;

	if (end == NULL)
		return 0;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0 && strcmp(end, "+00:00") != 0)
		return 0;
	return (int64_t) timegm(&parts) * CLOCK_SECOND;
}

typedef struct RemoteKeys
{
	const char *id;
	const char *secret;
	const char *token;
	const char *expiration;
} RemoteKeys;

static bool
take_keys(const RemoteFetch *fetch, const RemoteKeys *keys,
		  Credential *credential, Error *err)
{
	if (keys->id == NULL || keys->secret == NULL || keys->id[0] == '\0' ||
		keys->secret[0] == '\0')
		return remote_error(fetch, err, "its answer holds no keys");
	credential->source = remote_names[fetch->kind];
	credential->expires = parse_time(keys->expiration);
	if (credential->expires == 0)
		credential->expires = clock_wall() + REMOTE_LIFE;
	return secret_copy_string(&credential->access_key_id, keys->id, err) &&
		secret_copy_string(&credential->secret_access_key, keys->secret,
						   err) &&
		secret_copy_string(&credential->session_token, keys->token != NULL &&
						   keys->token[0] != '\0' ? keys->token : NULL, err);
}

static bool
take_json(const RemoteFetch *fetch, Credential *credential, Error *err)
{
	Slice		body = http_exchange_body(fetch->exchange);
	json_t	   *root = json_loadb((const char *) body.data, body.size, 0,
								  NULL);
	const char *code = json_string_value(json_object_get(root, "Code"));
	RemoteKeys	keys = {
		json_string_value(json_object_get(root, "AccessKeyId")),
		json_string_value(json_object_get(root, "SecretAccessKey")),
		json_string_value(json_object_get(root, "Token")),
		json_string_value(json_object_get(root, "Expiration"))
	};
	bool		ok;

	if (code != NULL && strcmp(code, "Success") != 0)
		ok = remote_error(fetch, err, code);
	else
		ok = take_keys(fetch, &keys, credential, err);
	json_decref(root);
	return ok;
}

static bool
take_xml(const RemoteFetch *fetch, Credential *credential, Error *err)
{
	Slice		body = http_exchange_body(fetch->exchange);
	char		id[REMOTE_TEXT] = "";
	char		secret[REMOTE_TEXT] = "";
	char		expiration[64] = "";
	size_t		size = body.size + 1;
	char	   *token = OPENSSL_malloc(size);
	RemoteKeys	keys = {id, secret, token, expiration};
	bool		ok;

	if (token == NULL)
		return error_no_memory(err);
	if (xml_text(body, "AccessKeyId", id, sizeof(id)) &&
		xml_text(body, "SecretAccessKey", secret, sizeof(secret)) &&
		xml_text(body, "SessionToken", token, size))
	{
		if (!xml_text(body, "Expiration", expiration, sizeof(expiration)))
			expiration[0] = '\0';
		ok = take_keys(fetch, &keys, credential, err);
	}
	else
		ok = remote_error(fetch, err, "its answer holds no keys");
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_clear_free(token, size);
	return ok;
}

/* One line of plain characters, of a text that a service sent. */
static void
make_plain(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			*text = ' ';
}

static const char *
refusal_hint(const RemoteFetch *fetch)
{
	switch (fetch->kind)
	{
		case REMOTE_WEB_IDENTITY:
			return "Look at AWS_ROLE_ARN and at the role's trust policy: it must allow sts:AssumeRoleWithWebIdentity to this identity.";
		case REMOTE_CONTAINER:
			return "Look at the task's or the pod's role.";
		default:
			return "Give the instance a role, or the keys by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.";
	}
}

static bool
judge_refusal(const RemoteFetch *fetch, Error *err)
{
	Slice		body = http_exchange_body(fetch->exchange);
	long		status = http_exchange_status(fetch->exchange);
	char		why[64];
	char		code[128];
	char		message[REMOTE_TEXT / 2];

	snprintf(why, sizeof(why), "it answered with status %ld", status);
	remote_error(fetch, err, why);
	if (fetch->kind == REMOTE_WEB_IDENTITY &&
		xml_text(body, "Code", code, sizeof(code)) &&
		xml_text(body, "Message", message, sizeof(message)))
	{
		make_plain(code);
		make_plain(message);
		error_detail(err, "%s: %s", code, message);
		if (strcmp(code, "IDPCommunicationError") == 0)
			error_retriable(err);
	}
	error_hint(err, "%s", refusal_hint(fetch));
	if (status >= 500 || status == 429 || status == 408)
		error_retriable(err);
	return false;
}

/* No answer. Of an instance's metadata: most likely this is no instance. */
static bool
judge_silence(const RemoteFetch *fetch, Error *err)
{
	char		why[REMOTE_TEXT / 2];

	snprintf(why, sizeof(why), "%.200s", err->message);
	remote_error(fetch, err, why);
	if (fetch->step == STEP_TOKEN)
	{
		error_set(err, ERROR_SINK_SETUP, "no AWS credentials found");
		error_detail(err, "The instance's metadata service at %s was asked last: %s.",
					 fetch->base, why);
		error_hint(err,
			"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile "
			"of ~/.aws/credentials, or give this machine a role.");
	}
	return error_retriable(err);
}

/* ---- the interface ---- */

RemoteFetch *
credential_remote_start(const RemoteSource *source, Error *err)
{
	RemoteFetch *fetch = calloc(1, sizeof(*fetch));
	bool		ok;

	if (fetch == NULL)
	{
		error_no_memory(err);
		return NULL;
	}
	fetch->kind = source->kind;
	if (source->kind == REMOTE_WEB_IDENTITY)
		ok = start_web_identity(fetch, source, err);
	else if (source->kind == REMOTE_CONTAINER)
		ok = start_container(fetch, err);
	else
		ok = start_instance(fetch, err);
	if (ok)
		return fetch;
	credential_remote_free(fetch);
	return NULL;
}

CredentialState
credential_remote_poll(RemoteFetch *fetch, int64_t wait,
					   Credential *credential, Error *err)
{
	int64_t		deadline = clock_now() + wait;

	for (;;)
	{
		int64_t		left = deadline - clock_now();
		HttpState	state = http_exchange_poll(fetch->exchange,
											   left > 0 ? left : 0, err);
		bool		ok;

		if (state == HTTP_PENDING)
			return CREDENTIAL_PENDING;
		if (state == HTTP_FAILED)
			ok = judge_silence(fetch, err);
		else if (http_exchange_status(fetch->exchange) != 200)
			ok = judge_refusal(fetch, err);
		else if (fetch->step != STEP_KEYS)
		{
			if (instance_next(fetch, err))
				continue;
			ok = false;
		}
		else if (fetch->kind == REMOTE_WEB_IDENTITY)
			ok = take_xml(fetch, credential, err);
		else
			ok = take_json(fetch, credential, err);
		return ok ? CREDENTIAL_READY : CREDENTIAL_FAILED;
	}
}

void
credential_remote_free(RemoteFetch *fetch)
{
	if (fetch == NULL)
		return;
	http_exchange_free(fetch->exchange);
	secret_free(&fetch->token);
	free(fetch);
}
