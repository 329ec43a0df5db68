/*
 * login.c
 *		How we log in to PostgreSQL. See login.h.
 *
 * Parameters come from options, connection strings, service files and the
 * environment. Instead of knowing libpq's rules we let it apply them, in an
 * attempt that ends before it touches the network.
 */
#include "login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"
#include "rds_token.h"
#include "secret.h"

#define LOGIN_NOBODY	"said by nobody"	/* no value of any parameter */
#define LOGIN_VERIFY	"verify-full"
#define LOGIN_PATH		4096
#define LOGIN_PORT		"5432"

struct Login
{
	const ConnectionOptions *options;
	char	   *host;			/* as libpq found them; NULL: not said */
	char	   *hostaddr;
	char	   *port;
	char	   *user;
	char	   *sslmode;		/* NULL: not said */
	bool		root_said;		/* sslrootcert */
	const char *default_mode;	/* NULL: none needed */
	char		default_root[LOGIN_PATH];	/* empty: none needed */
	char	   *token_host;		/* the endpoint's; NULL: host */
	char	   *token_port;
	Credential	credential;
};

/* ---- what libpq makes of it ---- */

/*
 * The parameters that a connection would have. An impossible value stops
 * libpq once it has collected them; PGSSLMODE carries it where it also tells
 * whether anybody has set sslmode: libpq's own default hides that.
 */
static PQconninfoOption *
collect_parameters(const ConnectionOptions *options)
{
	const char *const names[] = {
		"dbname", "host", "port", "user", "target_session_attrs", NULL
	};
	const char *const values[] = {
		options->dbname, options->host, options->port, options->user,
		LOGIN_NOBODY, NULL
	};
	bool		said = getenv("PGSSLMODE") != NULL ||
		getenv("PGREQUIRESSL") != NULL;
	PQconninfoOption *found;
	PGconn	   *conn;

	if (!said)
		setenv("PGSSLMODE", LOGIN_NOBODY, 1);
	conn = PQconnectStartParams(names, values, 1);
	if (!said)
		unsetenv("PGSSLMODE");
	found = PQconninfo(conn);
	PQfinish(conn);
	return found;
}

static bool
keep_parameters(Login *login, const PQconninfoOption *found, Error *err)
{
	for (const PQconninfoOption *at = found; at->keyword != NULL; at++)
	{
		char	  **slot = NULL;

		if (strcmp(at->keyword, "host") == 0)
			slot = &login->host;
		else if (strcmp(at->keyword, "hostaddr") == 0)
			slot = &login->hostaddr;
		else if (strcmp(at->keyword, "port") == 0)
			slot = &login->port;
		else if (strcmp(at->keyword, "user") == 0)
			slot = &login->user;
		else if (strcmp(at->keyword, "sslmode") == 0)
			slot = &login->sslmode;
		else if (strcmp(at->keyword, "sslrootcert") == 0 && at->val != NULL &&
				 at->val[0] != '\0')
			login->root_said = true;
		if (slot == NULL || at->val == NULL || at->val[0] == '\0' ||
			strcmp(at->val, LOGIN_NOBODY) == 0)
			continue;
		*slot = strdup(at->val);
		if (*slot == NULL)
			return error_no_memory(err);
	}
	return true;
}

/* ---- TLS ---- */

static bool
is_local(const char *host, size_t size)
{
	static const char *const names[] = {"localhost", "::1", NULL};

	if (size == 0 || host[0] == '/' || host[0] == '@' ||
		(size >= 4 && strncmp(host, "127.", 4) == 0 &&
		 strspn(host, "0123456789.") >= size))
		return true;
	for (int i = 0; names[i] != NULL; i++)
		if (strlen(names[i]) == size && strncasecmp(host, names[i], size) == 0)
			return true;
	return false;
}

/* Whether every host of a list is; an empty one is the local socket. */
static bool
all_local(const char *hosts)
{
	for (const char *at = hosts; at != NULL; at = strchr(at, ','))
	{
		at += at != hosts;
		if (!is_local(at, strcspn(at, ",")))
			return false;
	}
	return true;
}

/* Where distributions keep the authorities they trust. */
static const char *const login_bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
	NULL
};

static bool
has_own_root(void)
{
	const char *home = getenv("HOME");
	char		path[LOGIN_PATH];

	if (home == NULL)
		return false;
	snprintf(path, sizeof(path), "%s/.postgresql/root.crt", home);
	return access(path, R_OK) == 0;
}

/* libpq knows the system's authorities from version 16 on only. */
static void
choose_root(Login *login)
{
	const char *given = getenv("SSL_CERT_FILE");

	if (login->root_said || has_own_root())
		return;					/* libpq's to find */
	if (PQlibVersion() >= 160000)
		given = "system";
	for (int i = 0; given == NULL && login_bundles[i] != NULL; i++)
		if (access(login_bundles[i], R_OK) == 0)
			given = login_bundles[i];
	if (given != NULL)
		snprintf(login->default_root, sizeof(login->default_root), "%s",
				 given);
}

static void
choose_tls(Login *login)
{
	bool		local = all_local(login->host != NULL ? login->host :
								  login->hostaddr);

	if (login->sslmode == NULL && !local)
		login->default_mode = LOGIN_VERIFY;
	else if (login->sslmode == NULL && login->options->auth == LOGIN_IAM)
		login->default_mode = "require";
	if (login->default_mode != NULL ? !local :
		login->sslmode != NULL && strcmp(login->sslmode, LOGIN_VERIFY) == 0)
		choose_root(login);
}

/* ---- tokens ---- */

/* "HOST" or "HOST:PORT". */
static bool
split_endpoint(Login *login, Error *err)
{
	const char *given = login->options->iam_endpoint;
	const char *colon = strrchr(given, ':');

	login->token_host = colon != NULL ?
		strndup(given, (size_t) (colon - given)) : strdup(given);
	login->token_port = strdup(colon != NULL ? colon + 1 : LOGIN_PORT);
	if (login->token_host == NULL || login->token_port == NULL)
		return error_no_memory(err);
	if (login->token_host[0] != '\0' && login->token_port[0] != '\0')
		return true;
	return error_set(err, ERROR_USAGE,
					 "iam-endpoint \"%s\" is not HOST or HOST:PORT", given);
}

/* A token is a password: nobody else may get to read it. */
static bool
check_token_tls(const Login *login, Error *err)
{
	const char *mode = login->sslmode;

	if (mode == NULL || (strcmp(mode, "disable") != 0 &&
						 strcmp(mode, "allow") != 0 &&
						 strcmp(mode, "prefer") != 0))
	{
		if (mode != NULL && strcmp(mode, "require") == 0)
			log_warning("sslmode=require: tokens go to a server that does not prove who it is");
		return true;
	}
	error_set(err, ERROR_USAGE, "auth=iam needs TLS, and sslmode is %s", mode);
	return error_hint(err, "Leave sslmode out (then the server's certificate is verified), or say verify-full.");
}

static bool
check_iam(Login *login, Error *err)
{
	if (login->options->force_prompt)
		return error_set(err, ERROR_USAGE,
						 "auth=iam and -W exclude each other");
	if (login->options->iam_endpoint != NULL && !split_endpoint(login, err))
		return false;
	if (login->token_host == NULL &&
		(login->host == NULL || login->host[0] == '/'))
	{
		error_set(err, ERROR_USAGE, "auth=iam needs the endpoint's host name");
		return error_hint(err, "Name it with -h, as AWS shows it.");
	}
	if (login->token_host == NULL && strchr(login->host, ',') != NULL)
	{
		error_set(err, ERROR_USAGE, "auth=iam takes one host, not a list");
		return error_hint(err,
						  "Name the cluster's endpoint: it follows a failover.");
	}
	return check_token_tls(login, err);
}

static bool
load_keys(Login *login, Error *err)
{
	CredentialOptions from = {.profile = login->options->aws_profile,
		.region = login->options->aws_region};
	bool		have = login->credential.access_key_id != NULL;
	bool		expired = have && login->credential.expires != 0 &&
		clock_wall() >= login->credential.expires;

	if (have && !credential_is_due(&login->credential, clock_wall()))
		return true;
	if (credential_load(&login->credential, &from, err))
		return true;
	if (have && !expired)
	{
		log_warning("AWS credentials are not renewed: %s", err->message);
		return true;
	}
	if (err->code == ERROR_SINK_SETUP)
		err->code = ERROR_AUTH;
	return false;
}

/* The host's region goes before the environment's: it cannot be another. */
static bool
find_region(const Login *login, const char *host, char *region, Error *err)
{
	if (login->options->aws_region != NULL)
		snprintf(region, RDS_REGION_SIZE, "%s", login->options->aws_region);
	else if (!rds_region_of(host, region))
	{
		if (!login->credential.region_known)
		{
			error_set(err, ERROR_USAGE, "region of \"%s\" is not known", host);
			return error_hint(err, "Name it with --aws-region or AWS_REGION; if this is not the endpoint's own name, give that with --iam-endpoint.");
		}
		snprintf(region, RDS_REGION_SIZE, "%s", login->credential.region);
	}
	return true;
}

static bool
make_token(Login *login, char **password, Error *err)
{
	char		region[RDS_REGION_SIZE];
	RdsTarget	target = {
		.host = login->token_host != NULL ? login->token_host : login->host,
		.port = login->token_port != NULL ? login->token_port :
		login->port != NULL ? login->port : LOGIN_PORT,
		.user = login->user, .region = region
	};
	Buf			token;
	bool		ok;

	buf_init(&token, RDS_MAX_TOKEN);
	ok = load_keys(login, err) &&
		find_region(login, target.host, region, err) &&
		rds_token_append(&token, &target, &login->credential, clock_wall(),
						 err) &&
		secret_copy(password, buf_slice(&token), err);
	buf_free(&token);
	if (ok)
		log_debug("IAM token for user \"%s\" at %s:%s, region %s, keys from the %s",
				  target.user, target.host, target.port, region,
				  login->credential.source);
	return ok;
}

bool
login_password(Login *login, char **password, Error *err)
{
	if (login->options->auth != LOGIN_IAM ||
		make_token(login, password, err))
		return true;
	return error_prefix(err, "cannot make an IAM token");
}

/* ---- the interface ---- */

Login *
login_new(const ConnectionOptions *options, Error *err)
{
	Login	   *login = calloc(1, sizeof(*login));
	PQconninfoOption *found = collect_parameters(options);
	bool		ok = false;

	if (login == NULL || found == NULL)
	{
		error_no_memory(err);
		goto done;
	}
	login->options = options;
	if (!keep_parameters(login, found, err))
		goto done;
	choose_tls(login);
	ok = options->auth != LOGIN_IAM || check_iam(login, err);

done:
	PQconninfoFree(found);
	if (ok)
		return login;
	login_free(login);
	return NULL;
}

void
login_free(Login *login)
{
	if (login == NULL)
		return;
	credential_free(&login->credential);
	free(login->host);
	free(login->hostaddr);
	free(login->port);
	free(login->user);
	free(login->sslmode);
	free(login->token_host);
	free(login->token_port);
	free(login);
}

const char *
login_sslmode(const Login *login)
{
	return login->default_mode;
}

/* GSSAPI's encryption would come before TLS, and RDS knows none. */
const char *
login_gssencmode(const Login *login)
{
	return login->options->auth == LOGIN_IAM ? "disable" : NULL;
}

const char *
login_sslrootcert(const Login *login)
{
	return login->default_root[0] != '\0' ? login->default_root : NULL;
}

/* ---- explaining ---- */

#define HINT_AUTHORITY \
	"Name the authorities to trust with sslrootcert=FILE in -d or PGSSLROOTCERT. " \
	"RDS and Aurora have their own: https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem."

static const char *
tls_hint(const Login *login, const char *text)
{
	if (strstr(text, "certificate verify failed") != NULL ||
		strstr(text, "root certificate file") != NULL ||
		strstr(text, "could not read root certificate") != NULL)
		return HINT_AUTHORITY;
	if (strstr(text, "does not match host name") != NULL ||
		strstr(text, "host name must be specified") != NULL)
		return "Use the name that the certificate has (-h); hostaddr=ADDRESS in -d says where it is.";
	if (strstr(text, "server does not support SSL") != NULL &&
		login->default_mode != NULL)
		return "A server that is not local must prove who it is (sslmode=verify-full), unless you say otherwise: sslmode=prefer or disable in -d, or PGSSLMODE.";
	return NULL;
}

bool
login_explain(const Login *login, const char *libpq, Error *err)
{
	const char *hint = tls_hint(login, libpq);

	if (hint != NULL)
	{
		error_hint(err, "%s", hint);
		err->retriable = false;
	}
	else if (login->options->auth == LOGIN_IAM && err->code == ERROR_AUTH)
	{
		error_hint(err, "The role needs GRANT rds_iam; the keys (from the %s) need rds-db:connect on it; "
				   "replication by token needs rds.iam_auth_for_replication = 1; the token was made for user \"%s\" at %s.",
				   login->credential.source != NULL ?
				   login->credential.source : "chain", login->user,
				   login->token_host != NULL ? login->token_host :
				   login->host);

		/*
		 * What checks tokens is a service, too: it may fail for a while. A
		 * first start ends all the same.
		 */
		error_retriable(err);
	}
	return false;
}
