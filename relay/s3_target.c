/*
 * s3_target.c
 *		Where a bucket is. See s3_target.h.
 */
#include "s3_target.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "sigv4.h"

bool
s3_bucket_check(const char *bucket, Error *err)
{
	size_t		size = bucket == NULL ? 0 : strlen(bucket);

	if (size >= 3 && size < S3_BUCKET_SIZE &&
		isalnum((unsigned char) bucket[0]) &&
		strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789.-_") == size && strstr(bucket, "..") == NULL)
		return true;
	error_set(err, ERROR_USAGE, "\"%.80s\" is no bucket's name",
			  size ? bucket : "");
	return error_hint(err, "Write s3://BUCKET/PREFIX; a server other than Amazon's goes "
					  "into the option endpoint.");
}

/* Host and port: no user, path, query or blank, and not empty. */
static bool
authority_ok(const char *authority)
{
	size_t		size = strlen(authority);

	if (size == 0 || size >= S3_HOST_SIZE - S3_BUCKET_SIZE)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char) authority[i]) &&
			strchr(".-_:[]%", authority[i]) == NULL)
			return false;
	return true;
}

/* An endpoint may hold a password someone put there: it is not repeated. */
static bool
endpoint_bad(Error *err)
{
	error_set(err, ERROR_USAGE,
			  "endpoint of the S3 sink is no URL of a server");
	return error_hint(err, "Write https://HOST or https://HOST:PORT, without a path.");
}

static bool
endpoint_parse(S3Target *target, const char *endpoint, Error *err)
{
	const char *rest;
	size_t		size;

	if (strncasecmp(endpoint, "https://", 8) == 0)
		rest = endpoint + 8;
	else if (strncasecmp(endpoint, "http://", 7) == 0)
		rest = endpoint + 7;
	else
		return endpoint_bad(err);
	target->tls = rest == endpoint + 8;
	size = strlen(rest);
	if (size > 0 && rest[size - 1] == '/')
		size--;
	if (size >= sizeof(target->endpoint))
		return endpoint_bad(err);
	snprintf(target->endpoint, sizeof(target->endpoint), "%.*s", (int) size,
			 rest);
	return authority_ok(target->endpoint) || endpoint_bad(err);
}

/* Clients leave the scheme's own port out of the Host header. */
static size_t
endpoint_host_size(const S3Target *target)
{
	const char *port = target->tls ? ":443" : ":80";
	size_t		size = strlen(target->endpoint);
	size_t		port_size = strlen(port);

	if (size > port_size &&
		strcmp(target->endpoint + size - port_size, port) == 0)
		return size - port_size;
	return size;
}

static bool
region_ok(const char *region)
{
	return region[0] != '\0' &&
		strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
		strlen(region) &&
		strlen(region) < 64;
}

bool
s3_target_init(S3Target *target, const char *bucket, const char *endpoint,
			   const char *region, S3PathStyle style, Error *err)
{
	bool		amazon = endpoint == NULL || endpoint[0] == '\0';

	memset(target, 0, sizeof(*target));
	if (!s3_bucket_check(bucket, err))
		return false;
	snprintf(target->bucket, sizeof(target->bucket), "%s", bucket);
	if (!amazon && !endpoint_parse(target, endpoint, err))
		return false;
	if (amazon && !region_ok(region))
		return error_set(err, ERROR_USAGE, "\"%.64s\" is no region of S3",
						 region);
	if (amazon)
	{
		target->tls = true;
		snprintf(target->endpoint, sizeof(target->endpoint),
				 "s3.%s.amazonaws.com%s",
				 region, strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
	}
	target->path_style = style == S3_PATH_ON ||
		(style == S3_PATH_AUTO && (!amazon || strchr(bucket, '.') != NULL));
	snprintf(target->host, sizeof(target->host), "%s%s%.*s",
			 target->path_style ? "" : bucket, target->path_style ? "" : ".",
			 (int) endpoint_host_size(target), target->endpoint);
	return true;
}

void
s3_target_path(const S3Target *target, const char *key, Buf *out)
{
	buf_append_byte(out, '/');
	if (target->path_style)
	{
		sigv4_escape(out, slice_of(target->bucket), false);
		buf_append_byte(out, '/');
	}
	sigv4_escape(out, slice_of(key), true);
}

void
s3_target_base(const S3Target *target, Buf *out)
{
	buf_printf(out, "%s://%s", target->tls ? "https" : "http", target->host);
}
