/*
 * s3_worker.c
 *		One request to S3 from its first attempt to its end. See s3_worker.h.
 */
#include "s3_worker.h"

#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "s3_list.h"
#include "s3_reply.h"
#include "xml_text.h"

#define S3_RETRY_BASE		(200 * CLOCK_MS)
#define S3_RETRY_LIMIT		(30 * CLOCK_SECOND)
#define S3_WARN_INTERVAL	(10 * CLOCK_SECOND)

static void
worker_end(S3Worker *worker, StoreState state)
{
	StoreRequest *request = worker->request;

	worker->state = WORKER_IDLE;
	worker->request = NULL;
		buf_free(&worker->parts);
	request->transfer = NULL;
	request->state = state;
}

void
s3_worker_run(S3Worker *worker)
{
	S3Session  *session = worker->session;
	StoreRequest *request = worker->request;
	S3Attempt	attempt = {.signer = &session->signer,.request = request,
		.verify = worker->verifying,.fresh = worker->attempt > 1,
	.wall = clock_wall() + session->clock_offset};

	if (!s3_transfer_prepare(&worker->transfer, &attempt, &request->error))
		worker_end(worker, STORE_FAILED);
	else if (curl_multi_add_handle(session->multi,
								   worker->transfer.easy) != CURLM_OK)
	{
		s3_transfer_end(&worker->transfer);
		error_no_memory(&request->error);
		worker_end(worker, STORE_FAILED);
	}
	else
	{
		worker->key_number = session->key_number;
		worker->state = WORKER_RUNNING;
	}
}

void
s3_worker_begin(S3Worker *worker, StoreRequest *request)
{
	Slice		body = request->body;

	worker->request = request;
	worker->attempt = 1;
	worker->verifying = worker->renewed = worker->clock_set = false;
	if (request->verb == STORE_COMPLETE)
	{
		buf_init(&worker->parts, S3_MAX_ANSWER);
		s3_call_parts(&worker->parts, request->tags, request->tag_count);
		body = buf_slice(&worker->parts);
	}
	s3_transfer_set_body(&worker->transfer, body);
	request->transfer = worker;
	s3_worker_run(worker);
}

/* ---- judging an attempt ---- */

static ErrorCode
session_error_code(const S3Session *session)
{
	return session->reached ? ERROR_SINK_WRITE : ERROR_SINK_SETUP;
}

static const char *
worker_action(const S3Worker *worker)
{
	switch (worker->request->verb)
	{
		case STORE_GET:
		case STORE_HEAD:
			return "read";
		case STORE_LIST:
		case STORE_UPLOADS:
			return "list what begins with";
		case STORE_DELETE:
			return "remove";
		case STORE_ABORT:
			return "abort the upload of";
		default:
			return worker->verifying ? "find" : "write";
	}
}

/* What trying again cannot mend. */
static bool
curl_is_fatal(CURLcode result)
{
	return result == CURLE_PEER_FAILED_VERIFICATION ||
		result == CURLE_SSL_CACERT_BADFILE || result == CURLE_URL_MALFORMAT ||
		result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_WRITE_ERROR ||
		result == CURLE_OUT_OF_MEMORY;
}

static S3Verdict
worker_judge_curl(S3Worker *worker, CURLcode result)
{
	const S3Session *session = worker->session;
	Error	   *err = &worker->request->error;

	error_set(err, session_error_code(session),
			  "could not %s \"%s\" in bucket \"%s\" at %s: %s",
			  worker_action(worker), worker->request->key,
			  session->signer.target.bucket, session->signer.target.host,
			  worker->transfer.curl_error[0] != '\0' ?
			  worker->transfer.curl_error :
			  curl_easy_strerror(result));
	if (result == CURLE_PEER_FAILED_VERIFICATION)
		error_hint(err, "Name the authority that signed the server's certificate with the "
				   "option ca_file.");
	else
		error_hint(err, "Check that %s can be reached from here, and the sink's options "
				   "endpoint and region.", session->signer.target.host);
	if (curl_is_fatal(result))
		return S3_REFUSED;
	error_retriable(err);
	return S3_AGAIN;
}

static S3Verdict
worker_judge(S3Worker *worker, CURLcode result)
{
	const S3Signer *signer = &worker->session->signer;
	S3Place		place = {.action = worker_action(worker),
		.bucket = signer->target.bucket,.key = worker->request->key,
		.host = signer->target.host,.region = signer->credential.region,
	.key_source = signer->credential.source};
	S3Reply		reply = {.body = buf_slice(&worker->transfer.answer),
		.region = worker->transfer.region,
		.complete = worker->request->verb == STORE_COMPLETE &&
		!worker->verifying,
	.conditional = worker->request->condition != STORE_ALWAYS};

	curl_easy_getinfo(worker->transfer.easy, CURLINFO_RESPONSE_CODE,
					  &reply.status);
	/* a refusal may come while we still send: then the line breaks too */
	if (result != CURLE_OK && reply.status < 400)
		return worker_judge_curl(worker, result);
	return s3_reply_judge(&reply, &place, session_error_code(worker->session),
						  &worker->request->error);
}

static void
worker_warn(S3Worker *worker, int64_t delay)
{
	S3Session  *session = worker->session;
	const Error *err = &worker->request->error;

	if (worker->attempt < 2 ||
		clock_now() - session->warned_at < S3_WARN_INTERVAL)
		return;
	session->warned_at = clock_now();
	log_warning("sink %s: %s; attempt %d failed, next one in %.1f s%s%s",
				session->options.sink, err->message, worker->attempt,
				(double) delay / CLOCK_SECOND,
				err->detail[0] == '\0' ? "" : ": ", err->detail);
}

/* delay 0: at once. */
static void
worker_again(S3Worker *worker, int64_t delay)
{
	int64_t		deadline = worker->request->deadline;

	worker->retry_at = clock_now() + delay;
	if (deadline != 0 && worker->retry_at >= deadline)
	{
		worker_end(worker, STORE_FAILED);
		return;
	}
	if (delay > 0)
		worker_warn(worker, delay);
	worker->attempt++;
	worker->state = WORKER_WAITING;
}

static StoreRequest *
worker_answer(S3Worker *worker)
{
	StoreRequest *request = worker->request;

	buf_free(&request->answer);
	buf_init(&request->answer, S3_MAX_ANSWER);
	return request;
}

/* Content-Length of the answer. false: it has none. */
static bool
worker_length(const S3Worker *worker, uint64_t *length)
{
	curl_off_t	size = -1;

	curl_easy_getinfo(worker->transfer.easy,
					  CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	if (size >= 0)
		*length = (uint64_t) size;
	return size >= 0;
}

/* What a good answer says. false: it lacks what it must have. */
static bool
worker_read_answer(S3Worker *worker)
{
	StoreRequest *request = worker_answer(worker);
	char		upload[2048];

	switch (request->verb)
	{
		case STORE_PUT:
			memcpy(request->etag, worker->transfer.tag, STORE_TAG_SIZE);
			return true;
		case STORE_GET:
			memcpy(request->etag, worker->transfer.tag, STORE_TAG_SIZE);
			buf_append_slice(&request->answer,
							 buf_slice(&worker->transfer.answer));
			return !buf_failed(&request->answer);
		case STORE_HEAD:
			return worker_length(worker, &request->size);
		case STORE_LIST:
		case STORE_UPLOADS:
			return s3_list_page(&request->answer,
								buf_slice(&worker->transfer.answer),
								request->verb == STORE_UPLOADS);
		case STORE_PART:
			buf_append_string(&request->answer, worker->transfer.tag);
			return worker->transfer.tag[0] != '\0';
		case STORE_BEGIN:
			if (!xml_text(buf_slice(&worker->transfer.answer), "UploadId",
						  upload, sizeof(upload)))
				return false;
			buf_append_string(&request->answer, upload);
			return upload[0] != '\0';
		default:
			return true;
	}
}

/* Whether the object found is the one whose completion got no answer. */
static bool
worker_is_ours(S3Worker *worker)
{
	uint64_t	size;

	return worker_length(worker, &size) && size == worker->request->size &&
		strcmp(worker->transfer.writer, worker->session->signer.writer) == 0;
}

static bool
worker_fail(S3Worker *worker, const char *why)
{
	const S3Session *session = worker->session;

	return error_set(&worker->request->error, session_error_code(session),
					 "could not %s \"%s\" in bucket \"%s\" at %s: %s",
					 worker_action(worker), worker->request->key,
					 session->signer.target.bucket,
					 session->signer.target.host, why);
}

static void
worker_good(S3Worker *worker)
{
	worker->session->reached = true;
	if (worker->verifying && !worker_is_ours(worker))
	{
		worker_fail(worker,
					"another object is in its place and the upload is gone");
		worker_end(worker, STORE_FAILED);
	}
	else if (!worker_read_answer(worker))
	{
		worker_fail(worker, "the answer is incomplete");
		worker_again(worker, clock_backoff(worker->attempt, S3_RETRY_BASE,
											   S3_RETRY_LIMIT));
	}
	else
		worker_end(worker, STORE_DONE);
}

static void
worker_missing(S3Worker *worker)
{
	StoreVerb	verb = worker->request->verb;

	worker->session->reached |= verb == STORE_GET;
	if (verb == STORE_GET || verb == STORE_HEAD)
		worker_end(worker, STORE_MISSING);
	else if (worker->request->condition == STORE_REPLACE)
		worker_end(worker, STORE_CONFLICT);	/* there is none to replace */
	else if (verb == STORE_DELETE || verb == STORE_ABORT)
		worker_end(worker, STORE_DONE);
	else
	{
		worker_fail(worker, worker->verifying ?
					  "the upload is gone and made no object" :
					  "the server found nothing there");
		worker_end(worker, STORE_FAILED);
	}
}

static void
worker_conflict(S3Worker *worker)
{
	worker->session->reached = true;
	worker_end(worker, STORE_CONFLICT);
}

/*
 * A lost answer to a completion leaves no upload, but an object. It may be our
 * first attempt: libcurl sends again by itself when a connection that was kept
 * open turns out to be dead.
 */
static void
worker_upload_gone(S3Worker *worker)
{
	StoreVerb	verb = worker->request->verb;

	if (verb == STORE_ABORT)
		worker_end(worker, STORE_DONE);
	else if (verb == STORE_COMPLETE && !worker->verifying)
	{
		worker->verifying = true;
		worker_again(worker, 0);
	}
	else
		worker_end(worker, STORE_FAILED);
}

/* Once per request: they may have been renewed where they come from. */
static void
worker_renew(S3Worker *worker)
{
	S3Session  *session = worker->session;

	if (worker->key_number != session->key_number)
		worker_again(worker, 0);	/* renewed while this was under way */
	else if (worker->renewed)
	{
		if (session->renewal_denied)
			worker->request->error = session->renewal_error;
		worker_end(worker, STORE_FAILED);
	}
	else
	{
		worker->renewed = true;
		s3_session_refuse_keys(session);
		worker_again(worker, 0);
	}
}

/* Once per request: sign with the server's time. */
static void
worker_set_clock(S3Worker *worker)
{
	S3Session  *session = worker->session;
	time_t		server = curl_getdate(worker->transfer.date, NULL);

	if (worker->clock_set || server == (time_t) -1)
	{
		worker_end(worker, STORE_FAILED);
		return;
	}
	worker->clock_set = true;
	session->clock_offset = (int64_t) server * CLOCK_SECOND - clock_wall();
	log_warning("sink %s: this machine's clock differs from %s by %lld s; "
				"requests are signed with the server's time",
				session->options.sink, session->signer.target.host,
				(long long) (session->clock_offset / CLOCK_SECOND));
	worker_again(worker, 0);
}

static void
worker_decide(S3Worker *worker, CURLcode result)
{
	switch (worker_judge(worker, result))
	{
		case S3_GOOD:
			worker_good(worker);
			break;
		case S3_MISSING:
			worker_missing(worker);
			break;
		case S3_CONFLICT:
			worker_conflict(worker);
			break;
		case S3_AGAIN:
			worker_again(worker, clock_backoff(worker->attempt, S3_RETRY_BASE,
												   S3_RETRY_LIMIT));
			break;
		case S3_RENEW:
			worker_renew(worker);
			break;
		case S3_CLOCK:
			worker_set_clock(worker);
			break;
		case S3_UPLOAD_GONE:
			worker_upload_gone(worker);
			break;
		case S3_REFUSED:
			worker_end(worker, STORE_FAILED);
			break;
	}
}

static void
worker_leave(S3Worker *worker)
{
	curl_multi_remove_handle(worker->session->multi, worker->transfer.easy);
	s3_transfer_end(&worker->transfer);
}

void
s3_worker_finish(S3Worker *worker, CURLcode result)
{
	worker_leave(worker);
	worker_decide(worker, result);
}

void
s3_worker_cancel(S3Worker *worker)
{
	if (worker->state == WORKER_RUNNING)
		worker_leave(worker);
	if (worker->state != WORKER_IDLE)
		worker_end(worker, STORE_IDLE);
}

bool
s3_worker_init(S3Worker *worker, S3Session *session)
{
	worker->session = session;
	buf_init(&worker->parts, S3_MAX_ANSWER);
	return s3_transfer_init(&worker->transfer);
}

void
s3_worker_free(S3Worker *worker)
{
	s3_worker_cancel(worker);
	s3_transfer_free(&worker->transfer);
	buf_free(&worker->parts);
}
