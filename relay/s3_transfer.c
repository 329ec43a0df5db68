/*
 * s3_transfer.c
 *		One HTTP exchange with an S3 server. See s3_transfer.h.
 */
#include "s3_transfer.h"

#include <stdio.h>
#include <strings.h>

#include "clock.h"

/* ---- what libcurl calls ---- */

static size_t
s3_on_read(char *to, size_t size, size_t count, void *context)
{
	S3Transfer *transfer = context;
	size_t		left = transfer->body.size - transfer->body_sent;
	size_t		room = size * count;

	if (left > room)
		left = room;
	if (left > 0)
		memcpy(to, transfer->body.data + transfer->body_sent, left);
	transfer->body_sent += left;
	return left;
}

static int
s3_on_seek(void *context, curl_off_t offset, int origin)
{
	S3Transfer *transfer = context;

	if (origin != SEEK_SET || offset < 0 ||
		(size_t) offset > transfer->body.size)
		return CURL_SEEKFUNC_FAIL;
	transfer->body_sent = (size_t) offset;
	return CURL_SEEKFUNC_OK;
}

static size_t
s3_on_write(char *from, size_t size, size_t count, void *context)
{
	S3Transfer *transfer = context;

	buf_append(&transfer->answer, from, size * count);
	return buf_failed(&transfer->answer) ? 0 : size * count;
}

static bool
header_take(const char *line, size_t size, const char *name, char *to)
{
	size_t		name_size = strlen(name);

	if (size <= name_size || line[name_size] != ':' ||
		strncasecmp(line, name, name_size) != 0)
		return false;
	line += name_size + 1;
	size -= name_size + 1;
	while (size > 0 && (*line == ' ' || *line == '\t'))
	{
		line++;
		size--;
	}
	while (size > 0 && (unsigned char) line[size - 1] <= ' ')
		size--;
	if (size >= S3_HEADER_SIZE)
		size = 0;
	memcpy(to, line, size);
	to[size] = '\0';
	return true;
}

static size_t
s3_on_header(char *line, size_t size, size_t count, void *context)
{
	S3Transfer *transfer = context;

	size *= count;
	if (!header_take(line, size, "ETag", transfer->tag) &&
		!header_take(line, size, "Date", transfer->date) &&
		!header_take(line, size, S3_WRITER_META, transfer->writer))
		header_take(line, size, "x-amz-bucket-region", transfer->region);
	return size;
}

/* ---- the handle ---- */

static void
transfer_set_security(CURL *easy, const S3Signer *signer)
{

#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
					 signer->target.tls ? "https" : "http");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
					 (long) (signer->target.tls ? CURLPROTO_HTTPS :
							 CURLPROTO_HTTP));
#endif
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (signer->options->ca_file != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, signer->options->ca_file);
}

static void
transfer_set_limits(CURL *easy, const S3Attempt *attempt)
{
	const StoreS3Options *options = attempt->signer->options;
	int64_t		deadline = attempt->request->deadline;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
					 (long) (options->connect_timeout / CLOCK_MS));
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
					 (long) ((options->request_timeout + CLOCK_SECOND - 1) /
							 CLOCK_SECOND));
	if (deadline != 0)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
						 (long) clock_ms_until(deadline) + 1);
	/* after a failure another server behind the name may be better */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, attempt->fresh ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
}

static void
transfer_set_method(S3Transfer *transfer)
{
	CURL	   *easy = transfer->easy;
	const char *method = transfer->call.method;

	if (strcmp(method, "PUT") == 0)
	{
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
						 (curl_off_t) transfer->body.size);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, s3_on_read);
		curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, s3_on_seek);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
	}
	else if (strcmp(method, "POST") == 0)
	{
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
						 (curl_off_t) transfer->body.size);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
						 transfer->body.size == 0 ? "" :
						 (const char *) transfer->body.data);
	}
	else if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static bool
slist_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/*
 * Content-Type is sent only where it is signed; Expect would cost a round
 * trip.
 */
static bool
transfer_set_headers(S3Transfer *transfer, Error *err)
{
	const Buf  *lines = &transfer->call.headers;
	bool		typed = false;
	bool		ok = slist_add(&transfer->headers, "Expect:");

	for (size_t at = 0; ok && at < lines->size;)
	{
		const char *line = (const char *) lines->data + at;

		typed |= strncmp(line, "Content-Type:", 13) == 0;
		ok = slist_add(&transfer->headers, line);
		at += strlen(line) + 1;
	}
	if (ok && !typed)
		ok = slist_add(&transfer->headers, "Content-Type:");
	if (!ok)
		return error_no_memory(err);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
	return true;
}

static void
transfer_set_answer(S3Transfer *transfer)
{
	CURL	   *easy = transfer->easy;

	transfer->curl_error[0] = '\0';
	transfer->tag[0] = transfer->region[0] = transfer->date[0] = '\0';
	transfer->writer[0] = '\0';
	buf_clear(&transfer->answer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, s3_on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, s3_on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

static bool
transfer_fill(S3Transfer *transfer, const S3Attempt *attempt, Error *err)
{
	char		empty[SIGV4_HASH_SIZE];

	if (attempt->verify)
		sigv4_hash(slice_make("", 0), empty);
	return s3_call_build(&transfer->call, attempt->signer, attempt->request,
						 attempt->verify,
						 attempt->verify ? empty : transfer->hash,
						 attempt->wall, err) &&
		transfer_set_headers(transfer, err);
}

bool
s3_transfer_prepare(S3Transfer *transfer, const S3Attempt *attempt, Error *err)
{
	CURL	   *easy = transfer->easy;

	transfer->body_sent = 0;
	curl_easy_reset(easy);
	if (!transfer_fill(transfer, attempt, err))
	{
		s3_transfer_end(transfer);
		return false;
	}
	curl_easy_setopt(easy, CURLOPT_URL, (char *) transfer->call.url.data);
	transfer_set_security(easy, attempt->signer);
	transfer_set_limits(easy, attempt);
	transfer_set_method(transfer);
	transfer_set_answer(transfer);
	return true;
}

void
s3_transfer_end(S3Transfer *transfer)
{
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
}

void
s3_transfer_set_body(S3Transfer *transfer, Slice body)
{
	transfer->body = body;
	sigv4_hash(body, transfer->hash);
}

bool
s3_transfer_init(S3Transfer *transfer)
{
	s3_call_init(&transfer->call);
	buf_init(&transfer->answer, S3_MAX_ANSWER);
	transfer->easy = curl_easy_init();
	return transfer->easy != NULL;
}

void
s3_transfer_free(S3Transfer *transfer)
{
	s3_transfer_end(transfer);
	if (transfer->easy != NULL)
		curl_easy_cleanup(transfer->easy);
	s3_call_free(&transfer->call);
	buf_free(&transfer->answer);
}
