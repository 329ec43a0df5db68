/*
 * test_rds_token.c
 *		IAM tokens for RDS against those of botocore with the same keys and clock,
 *		and regions out of endpoints' names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rds_token.h"

static void
token_is(const RdsTarget *target, Credential *credential, int64_t seconds,
		 const char *expected)
{
	Buf			out;
	Error		err;

	buf_init(&out, RDS_MAX_TOKEN);
	if (!rds_token_append(&out, target, credential, seconds * CLOCK_SECOND, &err))
		fail_msg("%s", err.message);
	assert_string_equal(buf_string(&out), expected);
	buf_free(&out);
}

/* generate_db_auth_token of botocore 1.44, with the parameters sorted */
static void
test_botocore(void **state)
{
	Credential	plain = {.access_key_id = "access_key",.secret_access_key = "secret_key"};
	Credential	temporary = {.access_key_id = "AKIDEXAMPLE",
		.secret_access_key = "wJalr/XUtnFEMI+K7MDENG",
	.session_token = "tok/en+with=="};

	(void) state;
	token_is(&(RdsTarget) {"prod-instance.us-east-1.rds.amazonaws.com", "3306", "mySQLUser",
			 "us-east-1"}, &plain, 1478540373,
			 "prod-instance.us-east-1.rds.amazonaws.com:3306/?Action=connect&DBUser="
			 "mySQLUser&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=access_key"
			 "%2F20161107%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20161107T17"
			 "3933Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=9fc74"
			 "866fc6f86b259402892653b6bd08b90ad992560dd842625454b72485860");
	token_is(&(RdsTarget) {"db.cluster-x.eu-west-1.rds.amazonaws.com", "5432",
			 "we ird/@+user", "eu-west-1"}, &temporary, 1795403045,
			 "db.cluster-x.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=w"
			 "e%20ird%2F%40%2Buser&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential"
			 "=AKIDEXAMPLE%2F20261123%2Feu-west-1%2Frds-db%2Faws4_request&X-Amz-Date"
			 "=20261123T030405Z&X-Amz-Expires=900&X-Amz-Security-Token=tok%2Fen%2Bwi"
			 "th%3D%3D&X-Amz-SignedHeaders=host&X-Amz-Signature=251147d89a4bce37e6a4"
			 "f80ba2ad66f87e31ad6ee7f5ae9f7ebc41437acf6221");
}

static void
test_long_host(void **state)
{
	char		host[600];
	Credential	credential = {.access_key_id = "a",.secret_access_key = "s"};
	Buf			out;
	Error		err;

	(void) state;
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	buf_init(&out, RDS_MAX_TOKEN);
	assert_false(rds_token_append(&out, &(RdsTarget) {host, "1", "u", "r"}, &credential, 0,
								  &err));
	assert_int_equal(err.code, ERROR_USAGE);
	buf_free(&out);
}

static void
region_is(const char *host, const char *expected)
{
	char		region[RDS_REGION_SIZE];

	if (expected == NULL)
		assert_false(rds_region_of(host, region));
	else
	{
		assert_true(rds_region_of(host, region));
		assert_string_equal(region, expected);
	}
}

static void
test_region(void **state)
{
	(void) state;
	region_is("db.abc.eu-west-1.rds.amazonaws.com", "eu-west-1");
	region_is("db.cluster-ro-abc.us-gov-west-1.RDS.amazonaws.com", "us-gov-west-1");
	region_is("db.abc.cn-north-1.rds.amazonaws.com.cn", "cn-north-1");
	region_is("eu-west-1.rds.amazonaws.com", NULL);
	region_is(".rds.amazonaws.com", NULL);
	region_is("x..rds.amazonaws.com", NULL);
	region_is("db.abc.eu-west-1.rds.amazonaws.com.evil.com", NULL);
	region_is("localhost", NULL);
	region_is("", NULL);
	region_is("x.0123456789012345678901234567890123456789012345678901234567890123.rds.amazonaws.com", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_botocore),
		cmocka_unit_test(test_long_host),
		cmocka_unit_test(test_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
