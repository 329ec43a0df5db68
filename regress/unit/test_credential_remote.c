/*
 * test_credential_remote.c
 *		Keys from a web identity, a container's agent and an instance's metadata,
 *		all of them played by a scripted server.
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

#include "credential.h"
#include "home_rig.h"
#include "http_script.h"

#define SECRET	"cAnArY+sEcReT/0123456789"
#define TOKEN	"cAnArYtOkEn=="
#define EXPIRES INT64_C(1795409999)	/* 2026-11-23T04:59:59Z */
#define KEYS \
	"\"AccessKeyId\": \"ASIA1\", \"SecretAccessKey\": \"" SECRET "\", " \
	"\"Token\": \"" TOKEN "\", \"Expiration\": \"2026-11-23T04:59:59Z\"}"

/* in the order of AWS's own example, with what is said beside the keys */
#define STS_KEYS \
	"<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n" \
	" <AssumeRoleWithWebIdentityResult>\n" \
	"  <SubjectFromWebIdentityToken>amzn1.account.AF6RHO7KZU5XRVQJGXK6HB56KR2A</SubjectFromWebIdentityToken>\n" \
	"  <Audience>client.5498841531868486423.1548@apps.example.com</Audience>\n" \
	"  <AssumedRoleUser>\n   <Arn>arn:aws:sts::123456789012:assumed-role/F/app1</Arn>\n" \
	"   <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:app1</AssumedRoleId>\n  </AssumedRoleUser>\n" \
	"  <Credentials>\n   <SessionToken>" TOKEN "</SessionToken>\n" \
	"   <SecretAccessKey>" SECRET "</SecretAccessKey>\n" \
	"   <Expiration>2026-11-23T04:59:59.123Z</Expiration>\n" \
	"   <AccessKeyId>ASIA1</AccessKeyId>\n  </Credentials>\n" \
	"  <SourceIdentity>s</SourceIdentity>\n  <Provider>www.amazon.com</Provider>\n" \
	" </AssumeRoleWithWebIdentityResult>\n" \
	" <ResponseMetadata>\n  <RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId>\n" \
	" </ResponseMetadata>\n</AssumeRoleWithWebIdentityResponse>"
#define GIVES(text) {HTTP_ANSWER, "200 OK", NULL, text}
#define STATUS(line) {HTTP_ANSWER, line, NULL, NULL}

#define SCRIPT(...) \
	static const HttpStep steps[] = {__VA_ARGS__}; \
	script_start(steps, sizeof(steps) / sizeof(steps[0]))

static const char *const variables[] = {
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE",
	"AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_ENDPOINT_URL_STS",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", NULL
};

static char url[128];
static HttpServer server;
static bool serving;
static Credential credential;
static CredentialOptions options;
static Error err;

static void
set_url(const char *variable, const char *path)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server.port, path);
	setenv(variable, url, 1);
}

static void
script_start(const HttpStep *steps, int count)
{
	http_start(&server, steps, count);
	serving = true;
	set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", "/");
}

static int
setup(void **state)
{
	(void) state;
	snprintf(home, sizeof(home), "/tmp/test_credential_XXXXXX");
	if (mkdtemp(home) == NULL)
		return -1;
	for (int i = 0; variables[i] != NULL; i++)
		unsetenv(variables[i]);
	setenv("HOME", home, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "false", 1);

	/* never the real one: nobody listens there */
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
	memset(&options, 0, sizeof(options));
	memset(&err, 0, sizeof(err));
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	credential_free(&credential);
	if (serving)
		http_stop(&server);
	serving = false;
	unlink(home_path("token"));
	unlink(home_path("config"));
	return rmdir(home);
}

static void
assert_no_secret(void)
{
	assert_null(strstr(err.message, "cAnArY"));
	assert_null(strstr(err.detail, "cAnArY"));
	assert_null(strstr(err.hint, "cAnArY"));
}

static void
load_gives_keys(const char *source)
{
	if (!credential_load(&credential, &options, &err))
		fail_msg("%s / %s", err.message, err.detail);
	assert_string_equal(credential.access_key_id, "ASIA1");
	assert_string_equal(credential.secret_access_key, SECRET);
	assert_string_equal(credential.session_token, TOKEN);
	assert_int_equal(credential.expires, EXPIRES * CLOCK_SECOND);
	assert_string_equal(credential.source, source);
}

static void
load_fails(const char *message, const char *detail, bool retriable)
{
	assert_false(credential_load(&credential, &options, &err));
	if (strstr(err.message, message) == NULL)
		fail_msg("message: %s", err.message);
	if (strstr(err.detail, detail) == NULL)
		fail_msg("detail: %s", err.detail);
	assert_int_equal(err.retriable, retriable);
	assert_null(credential.secret_access_key);
	assert_no_secret();
}

static void
assert_starts(int i, const char *line)
{
	assert_true(i < server.request_count);
	if (strncmp(server.requests[i].head, line, strlen(line)) != 0)
		fail_msg("request %d: %s", i, server.requests[i].head);
}

/* ---- instance metadata ---- */

#define ROLES "/latest/meta-data/iam/security-credentials/"

static void
test_instance(void **state)
{
	(void) state;
	SCRIPT(GIVES("session-1"), GIVES("my-role\n"),
		   GIVES("{\"Code\": \"Success\", " KEYS));
	load_gives_keys("instance metadata");
	assert_string_equal(credential.region, "us-east-1");
	assert_false(credential.region_known);
	assert_int_equal(server.request_count, 3);
	assert_starts(0, "PUT /latest/api/token ");
	assert_string_not_equal(
		http_header(&server.requests[0], "x-aws-ec2-metadata-token-ttl-seconds"), "");
	assert_starts(1, "GET " ROLES " ");
	assert_starts(2, "GET " ROLES "my-role ");
	for (int i = 1; i < 3; i++)
		assert_string_equal(
			http_header(&server.requests[i], "x-aws-ec2-metadata-token"), "session-1");
}

static void
test_instance_without_role(void **state)
{
	(void) state;
	SCRIPT(GIVES("session-1"), STATUS("404 Not Found"));
	load_fails("instance metadata: it answered with status 404", "", false);
	assert_non_null(strstr(err.hint, "role"));
}

static void
test_instance_trouble(void **state)
{
	(void) state;
	SCRIPT(STATUS("503 Slow Down"),
		   GIVES("s"), GIVES("r"), GIVES("{\"Code\": \"AssumeRoleUnauthorizedAccess\"}"),
		   GIVES("s"), GIVES("r"), GIVES("{\"Code\": \"Success\", \"SecretAccessKey\": \"" SECRET "\"}"),
		   GIVES("s"), GIVES("r"), GIVES("{\"Code\": \"Succ" SECRET),
		   GIVES("\n"));
	load_fails("status 503", "", true);
	load_fails("AssumeRoleUnauthorizedAccess", "", false);
	load_fails("holds no keys", "", false);
	load_fails("holds no keys", "", false);
	load_fails("not understood", "", false);
}

/* Where there is no such service, the chain has come to its end. */
static void
test_no_instance(void **state)
{
	(void) state;
	load_fails("no AWS credentials found", "metadata service", true);
	assert_non_null(strstr(err.hint, "AWS_ACCESS_KEY_ID"));
	setenv("AWS_EC2_METADATA_DISABLED", "True", 1);
	load_fails("no AWS credentials found", "", false);
}

/* A service that takes connections and says nothing holds nobody up. */
static void
test_silence(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	size = sizeof(address);
	int			listener = socket(AF_INET, SOCK_STREAM, 0);
	int64_t		began;
	CredentialLoad *load;

	(void) state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *) &address, size), 0);
	assert_int_equal(listen(listener, 4), 0);
	getsockname(listener, (struct sockaddr *) &address, &size);
	server.port = ntohs(address.sin_port);
	set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", "");
	began = clock_now();
	load = credential_load_start(&options, &err);
	assert_non_null(load);
	for (int i = 0; i < 20; i++)
		assert_int_equal(credential_load_poll(load, 0, &credential, &err),
						 CREDENTIAL_PENDING);
	assert_true(clock_now() - began < CLOCK_SECOND / 2);
	credential_load_free(load);
	load_fails("no AWS credentials", "", true);
	assert_true(clock_now() - began < CREDENTIAL_TIMEOUT + CLOCK_SECOND);
	close(listener);
}

/* ---- containers ---- */

static void
test_container(void **state)
{
	(void) state;
	SCRIPT(GIVES("{" KEYS), GIVES("{" KEYS), STATUS("500 Oops"));
	set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/creds?x=1");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc", 1);
	load_gives_keys("container");
	assert_starts(0, "GET /creds?x=1 ");
	assert_string_equal(http_header(&server.requests[0], "Authorization"), "Basic abc");
	home_write("token", " from-file\n");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", home_path("token"), 1);
	load_gives_keys("container");
	assert_string_equal(http_header(&server.requests[1], "Authorization"), "from-file");
	credential_free(&credential);
	load_fails("from the container: it answered with status 500", "", true);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent/token", 1);
	load_fails("/nonexistent/token", "", false);
	assert_int_equal(err.code, ERROR_SECRET_FILE);
}

/* The agent's token goes to no stranger. */
static void
test_container_address(void **state)
{
	static const char *const urls[] = {
		"http://example.com/", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/",
		"http://localhost@example.com/", "127.0.0.1", NULL
	};

	(void) state;
	for (int i = 0; urls[i] != NULL; i++)
	{
		setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i], 1);
		load_fails("AWS_CONTAINER_CREDENTIALS_FULL_URI", "", false);
		assert_int_equal(err.code, ERROR_USAGE);
	}
}

/* ---- web identity ---- */

static void
test_web_identity(void **state)
{
	(void) state;
	SCRIPT(GIVES(STS_KEYS), GIVES(STS_KEYS));
	home_write("token", "ey.J+/=\n");
	home_write("config", "[default]\nregion = eu-west-1\nrole_arn = arn:p\n"
			   "web_identity_token_file = /nonexistent\n");
	setenv("AWS_CONFIG_FILE", home_path("config"), 1);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", home_path("token"), 1);
	set_url("AWS_ENDPOINT_URL_STS", "/");
	load_fails("AWS_ROLE_ARN is not", "", false);
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
	load_gives_keys("web identity");
	assert_string_equal(credential.region, "eu-west-1");
	assert_true(credential.region_known);
	assert_starts(0, "POST / ");
	assert_string_equal(server.requests[0].body,
						"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
						"&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
						"&RoleSessionName=pg_fanout&WebIdentityToken=ey.J%2B%2F%3D");
	setenv("AWS_ROLE_SESSION_NAME", "me", 1);
	load_gives_keys("web identity");
	assert_non_null(strstr(server.requests[1].body, "RoleSessionName=me&"));

	/* keys of the environment go before */
	setenv("AWS_ACCESS_KEY_ID", "AKENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	assert_true(credential_load(&credential, &options, &err));
	assert_string_equal(credential.source, "environment");
	assert_int_equal(credential.expires, 0);
	assert_false(credential_is_due(&credential, INT64_MAX));
}

static void
test_web_identity_of_profile(void **state)
{
	char		text[512];

	(void) state;
	SCRIPT(GIVES(STS_KEYS));
	home_write("token", "ey");
	snprintf(text, sizeof(text), "[profile pod]\nrole_arn = arn:p\nrole_session_name = s1\n"
			 "web_identity_token_file = %s\n", home_path("token"));
	home_write("config", text);
	setenv("AWS_CONFIG_FILE", home_path("config"), 1);
	set_url("AWS_ENDPOINT_URL_STS", "/");
	options.profile = "pod";
	load_gives_keys("web identity");
	assert_non_null(strstr(server.requests[0].body, "RoleArn=arn%3Ap&RoleSessionName=s1&"));
}

static void
test_web_identity_refused(void **state)
{
	(void) state;
	SCRIPT({HTTP_ANSWER, "403 Forbidden", NULL,
		   "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not\nyou</Message>"
		   "</Error><Token>" TOKEN "</Token></ErrorResponse>"},
		   {HTTP_ANSWER, "400 Bad Request", NULL,
		   "<ErrorResponse><Error><Code>IDPCommunicationError</Code><Message>m</Message>"
		   "</Error></ErrorResponse>"},
		   {HTTP_RESET}, {HTTP_CUT, "200 OK", NULL, STS_KEYS});
	home_write("token", TOKEN);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", home_path("token"), 1);
	setenv("AWS_ROLE_ARN", "arn", 1);
	set_url("AWS_ENDPOINT_URL_STS", "/");
	load_fails("from the web identity: it answered with status 403",
			   "AccessDenied: Not you", false);
	assert_non_null(strstr(err.hint, "trust policy"));
	load_fails("status 400", "IDPCommunicationError", true);
	load_fails("web identity", "", true);
	load_fails("web identity", "", true);
	home_write("token", " \n");
	load_fails("holds no token", "", false);
}

/* ---- the chain ---- */

/* Keys beside a role are for assuming it: they are not taken instead of it. */
static void
test_role_of_profile(void **state)
{
	(void) state;
	home_write("config", "[profile a]\nrole_arn = arn\nsource_profile = b\n"
			   "aws_access_key_id = A\naws_secret_access_key = " SECRET "\n"
			   "[profile empty]\nregion = eu-west-1\n");
	chmod(home_path("config"), 0600);
	setenv("AWS_CONFIG_FILE", home_path("config"), 1);
	setenv("AWS_PROFILE", "a", 1);
	load_fails("profile \"a\" asks for", "", false);
	setenv("AWS_PROFILE", "none", 1);
	load_fails("profile \"none\" does not exist", "", false);

	/* one without keys leads on to the instance */
	setenv("AWS_PROFILE", "empty", 1);
	load_fails("no AWS credentials found", "metadata service", true);
}

static void
test_due(void **state)
{
	Credential	some = {.expires = 1000 * CLOCK_SECOND};

	(void) state;
	assert_false(credential_is_due(&some, 1000 * CLOCK_SECOND - CREDENTIAL_MARGIN - 1));
	assert_true(credential_is_due(&some, 1000 * CLOCK_SECOND - CREDENTIAL_MARGIN));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_instance),
		TEST(test_instance_without_role),
		TEST(test_instance_trouble),
		TEST(test_no_instance),
		TEST(test_silence),
		TEST(test_container),
		TEST(test_container_address),
		TEST(test_web_identity),
		TEST(test_web_identity_of_profile),
		TEST(test_web_identity_refused),
		TEST(test_role_of_profile),
		TEST(test_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
