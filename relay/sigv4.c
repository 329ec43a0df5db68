/*
 * sigv4.c
 *		AWS Signature Version 4. See sigv4.h.
 *
 * libcurl's own signing is not used: up to 8.8 it does not canonicalise paths,
 * and without the payload's hash S3 servers refuse it.
 */
#include "sigv4.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_DIGEST	32
#define SIGV4_MAX_TEXT	((size_t) 256 * 1024)

static void
sigv4_hex(const uint8_t *bytes, size_t size, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++)
	{
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * size] = '\0';
}

void
sigv4_hash(Slice data, char *hex)
{
	uint8_t		digest[SIGV4_DIGEST];

	if (EVP_Digest(data.data, data.size, digest, NULL, EVP_sha256(),
				   NULL) != 1)
		abort();				/* no memory for a hash: nothing would work */
	sigv4_hex(digest, sizeof(digest), hex);
}

static void
sigv4_hmac(const void *key, size_t key_size, Slice data, uint8_t *digest)
{
	unsigned int size = SIGV4_DIGEST;

	if (HMAC(EVP_sha256(), key, (int) key_size, data.data, data.size,
			 digest, &size) == NULL)
		abort();
}

void
sigv4_time(int64_t wall, char *text)
{
	time_t		seconds = (time_t) (wall / 1000000);
	struct tm	parts;

	gmtime_r(&seconds, &parts);
	if (strftime(text, SIGV4_TIME_SIZE, "%Y%m%dT%H%M%SZ", &parts) == 0)
		text[0] = '\0';
}

void
sigv4_escape(Buf *out, Slice text, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.size; i++)
	{
		uint8_t		c = text.data[i];

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
			c == '~' || (c == '/' && keep_slash))
			buf_append_byte(out, c);
		else
		{
			buf_append_byte(out, '%');
			buf_append_byte(out, (uint8_t) digits[c >> 4]);
			buf_append_byte(out, (uint8_t) digits[c & 15]);
		}
	}
}

/* ---- query ---- */

typedef struct QueryPart
{
	size_t		at;				/* in the scratch text: "name\0value\0" */
	const char *name;
	const char *value;
} QueryPart;

static int
query_part_compare(const void *a, const void *b)
{
	const QueryPart *left = a;
	const QueryPart *right = b;
	int			order = strcmp(left->name, right->name);

	return order != 0 ? order : strcmp(left->value, right->value);
}

static void
query_parts_escape(Buf *scratch, QueryPart *parts, const SigV4Pair *query,
				   size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		parts[i].at = scratch->size;
		sigv4_escape(scratch, slice_of(query[i].name), false);
		buf_append_byte(scratch, '\0');
		sigv4_escape(scratch, slice_of(query[i].value), false);
		buf_append_byte(scratch, '\0');
	}
}

/* Sorted after encoding, by name and then by value. */
bool
sigv4_query(Buf *out, const SigV4Pair *query, size_t count, Error *err)
{
	QueryPart	parts[SIGV4_MAX_PAIRS];
	Buf			scratch;

	if (count == 0)
		return true;
	if (count > SIGV4_MAX_PAIRS)
		return error_set(err, ERROR_INTERNAL,
						 "too many query parameters to sign");
	buf_init(&scratch, SIGV4_MAX_TEXT);
	query_parts_escape(&scratch, parts, query, count);
	if (buf_failed(&scratch))
	{
		buf_free(&scratch);
		return error_set(err, ERROR_INTERNAL, "query too long to sign");
	}
	for (size_t i = 0; i < count; i++)
	{
		parts[i].name = (const char *) scratch.data + parts[i].at;
		parts[i].value = parts[i].name + strlen(parts[i].name) + 1;
	}
	qsort(parts, count, sizeof(parts[0]), query_part_compare);
	for (size_t i = 0; i < count; i++)
	{
		if (i > 0)
			buf_append_byte(out, '&');
		buf_append_string(out, parts[i].name);
		buf_append_byte(out, '=');
		buf_append_string(out, parts[i].value);
	}
	buf_free(&scratch);
	return true;
}

/* ---- headers ---- */

static int
header_compare(const void *a, const void *b)
{
	const SigV4Pair *left = *(const SigV4Pair *const *) a;
	const SigV4Pair *right = *(const SigV4Pair *const *) b;
	int			order = strcasecmp(left->name, right->name);

	if (order != 0)
		return order;
	return left < right ? -1 : left > right;	/* repeated: in order given */
}

static bool
headers_sort(const SigV4Pair **sorted, const SigV4Request *request, Error *err)
{
	if (request->header_count > SIGV4_MAX_PAIRS)
		return error_set(err, ERROR_INTERNAL, "too many headers to sign");
	for (size_t i = 0; i < request->header_count; i++)
		sorted[i] = &request->headers[i];
	qsort(sorted, request->header_count, sizeof(sorted[0]), header_compare);
	return true;
}

static void
header_append_name(Buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		buf_append_byte(out, (uint8_t) tolower((unsigned char) *name));
}

/* Without blanks at the ends, runs of blanks as one. */
static void
header_append_value(Buf *out, const char *value)
{
	bool		blank = false;
	bool		started = false;

	for (; *value != '\0'; value++)
	{
		if (isspace((unsigned char) *value))
		{
			blank = started;
			continue;
		}
		if (blank)
			buf_append_byte(out, ' ');
		blank = false;
		started = true;
		buf_append_byte(out, (uint8_t) *value);
	}
}

static bool
header_repeats(const SigV4Pair *const *sorted, size_t i)
{
	return i > 0 && strcasecmp(sorted[i - 1]->name, sorted[i]->name) == 0;
}

static void
headers_append(Buf *out, const SigV4Pair *const *sorted, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (header_repeats(sorted, i))
			buf_append_byte(out, ',');
		else
		{
			if (i > 0)
				buf_append_byte(out, '\n');
			header_append_name(out, sorted[i]->name);
			buf_append_byte(out, ':');
		}
		header_append_value(out, sorted[i]->value);
	}
	buf_append_byte(out, '\n');
}

static void
headers_append_names(Buf *out, const SigV4Pair *const *sorted, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (header_repeats(sorted, i))
			continue;
		if (i > 0)
			buf_append_byte(out, ';');
		header_append_name(out, sorted[i]->name);
	}
}

/* ---- the steps ---- */

bool
sigv4_canonical_request(Buf *out, const SigV4Request *request, Error *err)
{
	const SigV4Pair *sorted[SIGV4_MAX_PAIRS];

	if (!headers_sort(sorted, request, err))
		return false;
	buf_append_string(out, request->method);
	buf_append_byte(out, '\n');
	buf_append_string(out, request->path);
	buf_append_byte(out, '\n');
	if (!sigv4_query(out, request->query, request->query_count, err))
		return false;
	buf_append_byte(out, '\n');
	headers_append(out, sorted, request->header_count);
	buf_append_byte(out, '\n');
	headers_append_names(out, sorted, request->header_count);
	buf_append_byte(out, '\n');
	buf_append_string(out, request->payload_hash);
	if (buf_failed(out))
		return error_set(err, ERROR_INTERNAL, "request too long to sign");
	return true;
}

static void
scope_append(Buf *out, const char *time, const SigV4Key *key)
{
	buf_append(out, time, 8);
	buf_printf(out, "/%s/%s/aws4_request", key->region, key->service);
}

void
sigv4_string_to_sign(Buf *out, const char *time, const SigV4Key *key,
					 Slice canonical_request)
{
	char		hash[SIGV4_HASH_SIZE];

	sigv4_hash(canonical_request, hash);
	buf_printf(out, SIGV4_ALGORITHM "\n%s\n", time);
	scope_append(out, time, key);
	buf_printf(out, "\n%s", hash);
}

/* false: the secret is too long. */
static bool
signature_compute(const SigV4Key *key, const char *time, Slice string_to_sign,
				  char *hex)
{
	char		secret[512];
	uint8_t		digest[SIGV4_DIGEST];
	int			size;

	size = snprintf(secret, sizeof(secret), "AWS4%s", key->secret_access_key);
	if (size < 0 || (size_t) size >= sizeof(secret))
	{
		OPENSSL_cleanse(secret, sizeof(secret));
		return false;
	}
	sigv4_hmac(secret, (size_t) size, slice_make(time, 8), digest);
	OPENSSL_cleanse(secret, sizeof(secret));
	sigv4_hmac(digest, sizeof(digest), slice_of(key->region), digest);
	sigv4_hmac(digest, sizeof(digest), slice_of(key->service), digest);
	sigv4_hmac(digest, sizeof(digest), slice_of("aws4_request"), digest);
	sigv4_hmac(digest, sizeof(digest), string_to_sign, digest);
	sigv4_hex(digest, sizeof(digest), hex);
	return true;
}

static void
authorization_append(Buf *out, const SigV4Request *request,
					 const SigV4Key *key, const char *time,
					 const char *signature)
{
	const SigV4Pair *sorted[SIGV4_MAX_PAIRS];
	Error		ignored;

	if (!headers_sort(sorted, request, &ignored))
		return;					/* the canonical request refused it before */
	buf_printf(out, SIGV4_ALGORITHM " Credential=%s/", key->access_key_id);
	scope_append(out, time, key);
	buf_append_string(out, ", SignedHeaders=");
	headers_append_names(out, sorted, request->header_count);
	buf_printf(out, ", Signature=%s", signature);
}

/* From the request to its signature. */
static bool
request_sign(const SigV4Request *request, const SigV4Key *key,
			 const char *time, char *signature, Error *err)
{
	Buf			canonical;
	Buf			text;
	bool		ok = false;

	buf_init(&canonical, SIGV4_MAX_TEXT);
	buf_init(&text, SIGV4_MAX_TEXT);
	if (!sigv4_canonical_request(&canonical, request, err))
		goto done;
	sigv4_string_to_sign(&text, time, key, buf_slice(&canonical));
	if (buf_failed(&text))
	{
		error_no_memory(err);
		goto done;
	}
	if (!signature_compute(key, time, buf_slice(&text), signature))
	{
		error_set(err, ERROR_USAGE, "the AWS secret access key is too long");
		goto done;
	}
	ok = true;

done:
	buf_free(&canonical);
	buf_free(&text);
	return ok;
}

bool
sigv4_authorize(Buf *out, const SigV4Request *request, const SigV4Key *key,
				const char *time, Error *err)
{
	char		signature[SIGV4_HASH_SIZE];

	if (!request_sign(request, key, time, signature, err))
		return false;
	authorization_append(out, request, key, time, signature);
	return !buf_failed(out) || error_no_memory(err);
}

/* ---- presigned requests ---- */

/* What goes into the query besides the request's own parameters. */
typedef struct Presigned
{
	SigV4Pair	query[SIGV4_MAX_PAIRS];
	size_t		count;
	Buf			credential;
	Buf			headers;
	char		expires[16];
} Presigned;

static void
presigned_add(Presigned *presigned, const char *name, const char *value)
{
	presigned->query[presigned->count++] = (SigV4Pair) {name, value};
}

static bool
presigned_fill(Presigned *presigned, const SigV4Request *request,
			   const SigV4Key *key, const char *time, int expires, Error *err)
{
	const SigV4Pair *sorted[SIGV4_MAX_PAIRS];

	if (request->query_count + 6 > SIGV4_MAX_PAIRS)
		return error_set(err, ERROR_INTERNAL,
						 "too many query parameters to sign");
	if (!headers_sort(sorted, request, err))
		return false;
	for (size_t i = 0; i < request->query_count; i++)
		presigned->query[presigned->count++] = request->query[i];
	buf_printf(&presigned->credential, "%s/", key->access_key_id);
	scope_append(&presigned->credential, time, key);
	headers_append_names(&presigned->headers, sorted, request->header_count);
	snprintf(presigned->expires, sizeof(presigned->expires), "%d", expires);
	if (buf_string(&presigned->credential) == NULL ||
		buf_string(&presigned->headers) == NULL)
		return error_no_memory(err);
	presigned_add(presigned, "X-Amz-Algorithm", SIGV4_ALGORITHM);
	presigned_add(presigned, "X-Amz-Credential",
				  buf_string(&presigned->credential));
	presigned_add(presigned, "X-Amz-Date", time);
	presigned_add(presigned, "X-Amz-Expires", presigned->expires);
	if (key->session_token != NULL)
		presigned_add(presigned, "X-Amz-Security-Token", key->session_token);
	presigned_add(presigned, "X-Amz-SignedHeaders",
				  buf_string(&presigned->headers));
	return true;
}

bool
sigv4_presign(Buf *out, const SigV4Request *request, const SigV4Key *key,
			  const char *time, int expires, Error *err)
{
	Presigned	presigned = {.count = 0};
	SigV4Request signed_request = *request;
	char		signature[SIGV4_HASH_SIZE];
	bool		ok = false;

	buf_init(&presigned.credential, SIGV4_MAX_TEXT);
	buf_init(&presigned.headers, SIGV4_MAX_TEXT);
	if (!presigned_fill(&presigned, request, key, time, expires, err))
		goto done;
	signed_request.query = presigned.query;
	signed_request.query_count = presigned.count;
	if (!request_sign(&signed_request, key, time, signature, err) ||
		!sigv4_query(out, presigned.query, presigned.count, err))
		goto done;
	buf_printf(out, "&X-Amz-Signature=%s", signature);
	ok = !buf_failed(out) || error_no_memory(err);

done:
	buf_free(&presigned.credential);
	buf_free(&presigned.headers);
	return ok;
}
