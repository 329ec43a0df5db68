/*
 * rds_token.c
 *		IAM tokens. See rds_token.h.
 */
#include "rds_token.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sigv4.h"

#define RDS_SERVICE		"rds-db"
#define RDS_TOKEN_LIFE	900		/* seconds; what AWS allows */
#define RDS_HOST_SIZE	512

/* Names end so; the label before is the region. */
static const char *const rds_suffixes[] = {
	".rds.amazonaws.com", ".rds.amazonaws.com.cn", NULL
};

bool
rds_region_of(const char *host, char region[RDS_REGION_SIZE])
{
	size_t		size = strlen(host);

	for (int i = 0; rds_suffixes[i] != NULL; i++)
	{
		size_t		tail = strlen(rds_suffixes[i]);
		size_t		begin;

		if (size <= tail ||
			strcasecmp(host + size - tail, rds_suffixes[i]) != 0)
			continue;
		begin = size - tail;
		while (begin > 0 && host[begin - 1] != '.')
			begin--;
		if (begin == 0 || size - tail - begin >= RDS_REGION_SIZE)
			return false;
		memcpy(region, host + begin, size - tail - begin);
		region[size - tail - begin] = '\0';
		return region[0] != '\0';
	}
	return false;
}

bool
rds_token_append(Buf *out, const RdsTarget *target,
				 const Credential *credential, int64_t wall, Error *err)
{
	char		host[RDS_HOST_SIZE];
	char		hash[SIGV4_HASH_SIZE];
	char		time[SIGV4_TIME_SIZE];
	SigV4Pair	query[] = {{"Action", "connect"}, {"DBUser", target->user}};
	SigV4Pair	headers[] = {{"Host", host}};
	SigV4Request request = {.method = "GET", .path = "/", .query = query,
		.query_count = 2, .headers = headers, .header_count = 1,
		.payload_hash = hash};
	SigV4Key	key = {credential->access_key_id,
		credential->secret_access_key, target->region, RDS_SERVICE,
		credential->session_token};
	int			size = snprintf(host, sizeof(host), "%s:%s", target->host,
								target->port);

	if (size < 0 || (size_t) size >= sizeof(host))
		return error_set(err, ERROR_USAGE, "host name too long for a token");
	sigv4_hash(slice_make("", 0), hash);
	sigv4_time(wall, time);
	buf_printf(out, "%s/?", host);
	return sigv4_presign(out, &request, &key, time, RDS_TOKEN_LIFE, err);
}
