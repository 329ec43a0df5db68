/*
 * test_login.c
 *		Whom a connection trusts and by what it logs in, from everything that may
 *		say so; nothing here connects.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "home_rig.h"
#include "login.h"
#include "secret.h"

#define RDS_HOST	"db.x.eu-west-1.rds.amazonaws.com"

static Login *login;
static Error err;
static ConnectionOptions options;

static int
setup(void **state)
{
	static const char *const variables[] = {
		"PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGSSLMODE", "PGREQUIRESSL",
		"PGSSLROOTCERT", "PGSERVICE", "PGSERVICEFILE", "SSL_CERT_FILE",
		"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", NULL
	};

	(void) state;
	snprintf(home, sizeof(home), "/tmp/test_login_XXXXXX");
	if (mkdtemp(home) == NULL)
		return -1;
	for (int i = 0; variables[i] != NULL; i++)
		unsetenv(variables[i]);
	setenv("HOME", home, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	options = (ConnectionOptions) {.dbname = "bank"};
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	login_free(login);
	login = NULL;
	unlink(home_path("services"));
	unlink(home_path(".postgresql/root.crt"));
	rmdir(home_path(".postgresql"));
	return rmdir(home);
}

static void
make(void)
{
	login_free(login);
	login = login_new(&options, &err);
	if (login == NULL)
		fail_msg("%s", err.message);
	assert_null(getenv("PGSSLMODE") != NULL &&
				strstr(getenv("PGSSLMODE"), "nobody") != NULL ? "left" : NULL);
}

static void
mode_is(const char *dbname, const char *expected)
{
	const char *mode;

	options.dbname = dbname;
	make();
	mode = login_sslmode(login);
	if (expected == NULL ? mode != NULL :
		mode == NULL || strcmp(mode, expected) != 0)
		fail_msg("%s: %s", dbname, mode);
}

static void
test_local(void **state)
{
	(void) state;
	mode_is("bank", NULL);
	mode_is("host=/run/postgresql", NULL);
	mode_is("host=@abstract", NULL);
	mode_is("host=localhost", NULL);
	mode_is("host=LOCALHOST,127.0.0.1,::1", NULL);
	mode_is("hostaddr=127.0.0.2", NULL);
	mode_is("postgresql://localhost/bank", NULL);
	assert_null(login_sslrootcert(login));
}

static void
test_not_local(void **state)
{
	(void) state;
	mode_is("host=db.example.com", "verify-full");
	assert_non_null(login_sslrootcert(login));
	mode_is("host=localhost,db.example.com", "verify-full");
	mode_is("hostaddr=192.0.2.1", "verify-full");
	mode_is("host=db hostaddr=127.0.0.1", "verify-full");
	mode_is("host=127.0.0.1.example.com", "verify-full");
	mode_is("host=localhost.example.com", "verify-full");
	mode_is("postgresql://u@[2001:db8::1]:5433/bank", "verify-full");
	options.host = "db.example.com";
	mode_is("host=localhost", "verify-full");
	options.host = NULL;
	setenv("PGHOST", "db.example.com", 1);
	mode_is("bank", "verify-full");
}

/* Whoever has said anything about sslmode has the last word. */
static void
test_said(void **state)
{
	(void) state;
	mode_is("host=db sslmode=prefer", NULL);
	mode_is("postgresql://db/bank?sslmode=disable", NULL);
	setenv("PGSSLMODE", "prefer", 1);
	mode_is("host=db", NULL);
	assert_string_equal(getenv("PGSSLMODE"), "prefer");
	unsetenv("PGSSLMODE");
	home_write("services", "[a]\nhost=db\nsslmode=prefer\n[b]\nhost=db\n");
	setenv("PGSERVICEFILE", home_path("services"), 1);
	mode_is("service=a", NULL);
	mode_is("service=b", "verify-full");
	setenv("PGSERVICE", "a", 1);
	mode_is("bank", NULL);
}

static void
test_root(void **state)
{
	(void) state;
	mode_is("host=db sslrootcert=/x.crt", "verify-full");
	assert_null(login_sslrootcert(login));
	mode_is("host=db sslmode=require", NULL);
	assert_null(login_sslrootcert(login));
	mode_is("host=db sslmode=verify-ca", NULL);
	assert_null(login_sslrootcert(login));
	mode_is("host=db sslmode=verify-full", NULL);
	assert_non_null(login_sslrootcert(login));
	if (PQlibVersion() < 160000)
	{
		setenv("SSL_CERT_FILE", "/mine.pem", 1);
		make();
		assert_string_equal(login_sslrootcert(login), "/mine.pem");
	}
	setenv("PGSSLROOTCERT", "/x.crt", 1);
	make();
	assert_null(login_sslrootcert(login));
	unsetenv("PGSSLROOTCERT");
	mkdir(home_path(".postgresql"), 0700);
	home_write(".postgresql/root.crt", "x");
	make();
	assert_null(login_sslrootcert(login));
}

/* ---- tokens ---- */

static void
refused(const char *dbname, const char *why)
{
	options.dbname = dbname;
	login_free(login);
	login = login_new(&options, &err);
	assert_null(login);
	assert_int_equal(err.code, ERROR_USAGE);
	if (strstr(err.message, why) == NULL)
		fail_msg("%s", err.message);
}

static void
token_begins(const char *dbname, const char *begin, const char *part)
{
	char	   *token = NULL;

	options.dbname = dbname;
	make();
	if (!login_password(login, &token, &err))
		fail_msg("%s", err.message);
	assert_non_null(token);
	if (strncmp(token, begin, strlen(begin)) != 0 || strstr(token, part) == NULL)
		fail_msg("%s", token);
	secret_free(&token);
}

static void
test_no_token(void **state)
{
	char	   *token = NULL;

	(void) state;
	make();
	assert_true(login_password(login, &token, &err));
	assert_null(token);
}

static void
test_iam_refusals(void **state)
{
	(void) state;
	options.auth = LOGIN_IAM;
	refused("bank", "host name");
	refused("host=/tmp", "host name");
	refused("host=a,b", "not a list");
	refused("host=a sslmode=disable", "needs TLS");
	refused("host=a sslmode=prefer", "needs TLS");
	options.force_prompt = true;
	refused("host=a", "-W");
	options.force_prompt = false;
	options.iam_endpoint = ":5432";
	refused("host=a", "iam-endpoint");
}

static void
test_iam_token(void **state)
{
	char	   *token = NULL;

	(void) state;
	options.auth = LOGIN_IAM;
	token_begins("host=" RDS_HOST " user=me", RDS_HOST ":5432/?Action=connect&DBUser=me&",
				 "%2Feu-west-1%2Frds-db%2Faws4_request");
	assert_string_equal(login_sslmode(login), "verify-full");
	setenv("AWS_REGION", "us-east-2", 1);	/* the host's own goes before */
	token_begins("host=" RDS_HOST " port=6000", RDS_HOST ":6000/", "%2Feu-west-1%2F");
	token_begins("host=alias.example.com", "alias.example.com:5432/", "%2Fus-east-2%2F");
	options.aws_region = "sa-east-1";
	token_begins("host=" RDS_HOST, RDS_HOST ":5432/", "%2Fsa-east-1%2F");
	options.aws_region = NULL;
	unsetenv("AWS_REGION");
	options.dbname = "host=alias.example.com";
	make();
	assert_false(login_password(login, &token, &err));
	assert_non_null(strstr(err.hint, "--aws-region"));
	options.iam_endpoint = RDS_HOST ":7000";
	token_begins("host=localhost", RDS_HOST ":7000/", "%2Feu-west-1%2F");
	assert_string_equal(login_sslmode(login), "require");
}

static void
test_iam_without_keys(void **state)
{
	char	   *token = NULL;

	(void) state;
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	options.auth = LOGIN_IAM;
	options.dbname = "host=" RDS_HOST;
	make();
	assert_false(login_password(login, &token, &err));
	assert_int_equal(err.code, ERROR_AUTH);
	assert_non_null(strstr(err.message, "IAM token"));
	assert_null(token);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_local),
		TEST(test_not_local),
		TEST(test_said),
		TEST(test_root),
		TEST(test_no_token),
		TEST(test_iam_refusals),
		TEST(test_iam_token),
		TEST(test_iam_without_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
