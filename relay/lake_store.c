/*
 * lake_store.c
 *		The store of an object sink. See lake_store.h.
 */
#include "lake_store.h"

#include <inttypes.h>

#include "clock.h"
#include "compress.h"
#include "lake_options.h"

/* ---- making ---- */

static StoreS3Options
s3_options(const SinkConfig *config)
{
	const LakeOptions *options = config->options;

	return (StoreS3Options) {
		.sink = config->name,.bucket = config->authority,
			.endpoint = options->endpoint,.path_style = options->path_style,
			.access_key_id = options->access_key_id,
			.secret_access_key = options->secret_access_key,
			.session_token = options->session_token,
			.profile = options->profile,
			.credentials_file = options->credentials_file,
			.region = options->region,.ca_file = options->ca_file,
			.storage_class = options->storage_class,
			.encryption = options->encryption,
			.kms_key_id = options->kms_key_id,
			.max_uploads = options->max_uploads,
			.connect_timeout = options->connect_timeout,
			.request_timeout = options->request_timeout
	};
}

static bool
check_options(const LakeOptions *options, Error *err)
{
	int			max =
		compression_max_level((Compression) options->compression);

	if (options->compression_level > max)
	{
		error_set(err, ERROR_USAGE,
				  "compression_level %" PRId64 " is not one of %s",
				  options->compression_level,
				  compression_words[options->compression]);
		return error_hint(err, "gzip has 1 to 9, zstd 1 to 19; none has no levels.");
	}
	if (options->memory < 2 * options->part_bytes)
	{
		error_set(err, ERROR_USAGE, "memory is less than two parts");
		return error_hint(err, "Raise the option memory or lower part_bytes.");
	}
	return true;
}

ObjectStore *
lake_store_make(const SinkConfig *config, Error *err)
{
	StoreS3Options options;

	if (!check_options(config->options, err))
		return NULL;
	if (strcmp(config->scheme, "s3") == 0)
	{
		options = s3_options(config);
		return store_s3_new(&options, err);
	}
	if (config->authority == NULL || config->authority[0] == '\0')
		return store_dir_new(config->path, err);
	error_set(err, ERROR_USAGE,
			  "URL of the directory sink names a host: \"%s\"",
			  config->authority);
	error_hint(err, "Write dir:///path/of/directory, with three slashes.");
	return NULL;
}

/* ---- trying ---- */

/* Waits for a request that must come to its end at the start. */
static bool
ask(ObjectStore *store, StoreRequest *request, int64_t timeout, Error *err)
{
	request->deadline = clock_now() + timeout;
	store_start(store, request);
	store_wait(store, request);
	if (request->state != STORE_FAILED)
		return true;
	*err = request->error;
	return false;
}

/*
 * Begins an upload and gives it up: that needs the rights, and leaves nothing.
 */
static bool
try_upload(ObjectStore *store, const char *key, int64_t timeout, Error *err)
{
	StoreRequest begin = {.verb = STORE_BEGIN,.key = key};
	StoreRequest end = {.verb = STORE_ABORT,.key = key};
	bool		ok;

	ok = ask(store, &begin, timeout, err);
	if (ok)
	{
		end.upload = buf_string(&begin.answer);
		ok = ask(store, &end, timeout, err);
	}
	store_release(store, &end);
	store_release(store, &begin);
	return ok;
}

/*
 * An object that is there may not be created again. It is removed, and with it
 * the right to remove is tried.
 */
static bool
try_condition(ObjectStore *store, const char *key, int64_t timeout,
			  Error *err)
{
	StoreRequest first = {.verb = STORE_PUT,.key = key,
	.condition = STORE_CREATE};
	StoreRequest second = first;
	StoreRequest removal = {.verb = STORE_DELETE,.key = key};
	bool		refused;
	bool		ok;

	ok = ask(store, &first, timeout, err) &&
		ask(store, &second, timeout, err) &&
		ask(store, &removal, timeout, err);
	refused = second.state == STORE_CONFLICT;
	store_release(store, &first);
	store_release(store, &second);
	store_release(store, &removal);
	return ok && (refused || lake_store_unconditional(err));
}

bool
lake_store_unconditional(Error *err)
{
	error_set(err, ERROR_SINK_SETUP,
			  "the server does not honour conditional writes (If-None-Match)");
	return error_hint(err, "Without these two relays could write over one another. Amazon S3 and current versions of most compatible servers have them.");
}

bool
lake_store_try(ObjectStore *store, const LakeNames *names,
			   const SinkConfig *config, Error *err)
{
	const LakeOptions *options = config->options;
	int64_t		timeout = options->connect_timeout;
	StoreRequest get = {.verb = STORE_GET};
	Buf			key;
	bool		ok;

	buf_init(&key, LAKE_KEY_LIMIT);
	ok = lake_name_probe(&key, names, config->name, err) &&
		store->ops->open(store, err);
	if (ok)
	{
		get.key = buf_string(&key);
		ok = ask(store, &get, timeout, err) &&
			try_upload(store, get.key, timeout, err) &&
			try_condition(store, get.key, timeout, err);
	}
	store_release(store, &get);
	buf_free(&key);
	return ok;
}
