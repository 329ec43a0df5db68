/*
 * test_credential.c
 *		The order in which AWS keys are looked for, and what is refused. Services
 *		that are asked for them: test_credential_remote.c.
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

#define CANARY "cAnArY+sEcReT/0123456789"

static const char *const variables[] = {
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE",
	"AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL
};

static Credential credential;
static CredentialOptions options;
static Error err;

static void
home_write_mode(const char *name, mode_t mode, const char *text)
{
	home_write(name, text);
	assert_int_equal(chmod(home_path(name), mode), 0);
}

static int
setup(void **state)
{
	(void) state;
	snprintf(home, sizeof(home), "/tmp/test_credential_XXXXXX");
	if (mkdtemp(home) == NULL || mkdir(home_path(".aws"), 0700) != 0)
		return -1;
	for (int i = 0; variables[i] != NULL; i++)
		unsetenv(variables[i]);
	setenv("HOME", home, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	memset(&options, 0, sizeof(options));
	memset(&err, 0, sizeof(err));
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	credential_free(&credential);
	unlink(home_path(".aws/credentials"));
	unlink(home_path(".aws/config"));
	unlink(home_path("other"));
	rmdir(home_path(".aws"));
	return rmdir(home);
}

static void
load_fails(ErrorCode code)
{
	assert_false(credential_load(&credential, &options, &err));
	assert_int_equal(err.code, code);
	assert_true(err.hint[0] != '\0');
	assert_null(strstr(err.message, CANARY));
	assert_null(strstr(err.detail, CANARY));
	assert_null(strstr(err.hint, CANARY));
	assert_null(credential.secret_access_key);
}

static void
load_gives(const char *id, const char *secret, const char *token, const char *region)
{
	if (!credential_load(&credential, &options, &err))
		fail_msg("%s", err.message);
	assert_string_equal(credential.access_key_id, id);
	assert_string_equal(credential.secret_access_key, secret);
	if (token == NULL)
		assert_null(credential.session_token);
	else
		assert_string_equal(credential.session_token, token);
	assert_string_equal(credential.region, region);
}

static void
test_nothing(void **state)
{
	(void) state;
	load_fails(ERROR_SINK_SETUP);
	assert_non_null(strstr(err.hint, "AWS_ACCESS_KEY_ID"));
	unsetenv("HOME");
	load_fails(ERROR_SINK_SETUP);
}

static void
test_order(void **state)
{
	(void) state;
	home_write_mode(".aws/credentials", 0600,
			   "[default]\naws_access_key_id = FILE\naws_secret_access_key=fs\n"
			   "[other]\naws_access_key_id = OTHER\naws_secret_access_key=os\n"
			   "aws_session_token = ot\n");
	home_write_mode(".aws/config", 0644,
			   "# regions\n[default]\nregion = eu-west-1\ns3 =\n  region = nested\n"
			   "[profile other]\nregion=ap-south-1\n");
	load_gives("FILE", "fs", NULL, "eu-west-1");
	setenv("AWS_PROFILE", "other", 1);
	load_gives("OTHER", "os", "ot", "ap-south-1");
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "es", 1);
	setenv("AWS_DEFAULT_REGION", "us-west-1", 1);
	load_gives("ENV", "es", NULL, "us-west-1");
	setenv("AWS_REGION", "us-west-2", 1);
	setenv("AWS_SESSION_TOKEN", "et", 1);
	load_gives("ENV", "es", "et", "us-west-2");
	options.profile = "default";	/* asked for: before the environment */
	load_gives("FILE", "fs", NULL, "us-west-2");
	options.access_key_id = "OPT";
	options.secret_access_key = "ps";
	options.region = "sa-east-1";
	load_gives("OPT", "ps", NULL, "sa-east-1");
}

static void
test_default_region(void **state)
{
	(void) state;
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "es", 1);
	setenv("AWS_SESSION_TOKEN", "", 1);	/* empty is unset */
	load_gives("ENV", "es", NULL, "us-east-1");
	assert_string_equal(credential.source, "environment");
}

static void
test_half_pairs(void **state)
{
	(void) state;
	options.secret_access_key = CANARY;
	load_fails(ERROR_USAGE);
	options.secret_access_key = NULL;
	setenv("AWS_SECRET_ACCESS_KEY", CANARY, 1);
	load_fails(ERROR_USAGE);
	unsetenv("AWS_SECRET_ACCESS_KEY");
	home_write_mode(".aws/credentials", 0600, "[default]\naws_secret_access_key = " CANARY "\n");
	load_fails(ERROR_USAGE);
}

static void
test_open_file(void **state)
{
	(void) state;
	home_write_mode("other", 0640, "[default]\naws_access_key_id = A\naws_secret_access_key = " CANARY "\n");
	options.credentials_file = home_path("other");
	load_fails(ERROR_SECRET_FILE);
	assert_non_null(strstr(err.hint, "chmod 600"));
	assert_int_equal(chmod(home_path("other"), 0600), 0);
	load_gives("A", CANARY, NULL, "us-east-1");
}

/* Keys may stand in the config file too; then it must be closed as well. */
static void
test_open_config(void **state)
{
	(void) state;
	home_write_mode(".aws/config", 0604, "[default]\naws_access_key_id = A\naws_secret_access_key = " CANARY "\n");
	load_fails(ERROR_SECRET_FILE);
}

static void
test_missing_file_and_profile(void **state)
{
	(void) state;
	options.credentials_file = "/nonexistent/credentials";
	assert_false(credential_load(&credential, &options, &err));
	assert_int_equal(err.code, ERROR_SECRET_FILE);
	assert_non_null(strstr(err.message, "/nonexistent/credentials"));
	options.credentials_file = NULL;
	options.profile = "nobody";
	load_fails(ERROR_SINK_SETUP);
	assert_non_null(strstr(err.message, "nobody"));
}

static void
test_unserved_profile(void **state)
{
	(void) state;
	home_write_mode(".aws/config", 0600, "[profile assumed]\nrole_arn = arn:aws:iam::1:role/x\n");
	options.profile = "assumed";
	load_fails(ERROR_SINK_SETUP);
	assert_non_null(strstr(err.message, "role_arn"));
}

static void
test_odd_files(void **state)
{
	char		text[20000];

	(void) state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	home_write_mode(".aws/credentials", 0600, text);
	load_fails(ERROR_SINK_SETUP);
	home_write_mode(".aws/credentials", 0600,
			   "[default\n[ default ]\r\n; c\n= \naws_access_key_id\n"
			   "aws_access_key_id = A\r\naws_secret_access_key = a=b=\r\n[x]\naws_session_token=no");
	load_gives("A", "a=b=", NULL, "us-east-1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_default_region, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_pairs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_file_and_profile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unserved_profile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
