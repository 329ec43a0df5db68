/*
 * s3_call.c
 *		A store's request as a signed HTTP call. See s3_call.h.
 *
 * S3-compatible servers insist that every x-amz-* header is signed, so all
 * headers of a call are.
 */
#include "s3_call.h"

#include <stdio.h>

#define S3_MAX_CALL		((size_t) 64 * 1024)
#define S3_MAX_HEADERS	20
#define S3_MAX_QUERY	4

/* A call while it is put together. */
typedef struct CallDraft
{
	SigV4Pair	headers[S3_MAX_HEADERS];
	size_t		header_count;
	SigV4Pair	query[S3_MAX_QUERY];
	size_t		query_count;
	char		time[SIGV4_TIME_SIZE];
	char		part[16];
	char		range[64];
	Buf			path;
	Buf			marker;
	Buf			authorization;
} CallDraft;

void
s3_call_init(S3Call *call)
{
	call->method = NULL;
	buf_init(&call->url, S3_MAX_CALL);
	buf_init(&call->headers, S3_MAX_CALL);
}

void
s3_call_free(S3Call *call)
{
	buf_free(&call->url);
	buf_free(&call->headers);
}

static const char *
call_method(StoreVerb verb, bool verify)
{
	static const char *const methods[] = {
		[STORE_PUT] = "PUT",[STORE_GET] = "GET",[STORE_DELETE] = "DELETE",
		[STORE_BEGIN] = "POST",[STORE_PART] = "PUT",[STORE_COMPLETE] = "POST",
		[STORE_ABORT] = "DELETE",[STORE_HEAD] = "HEAD",
		[STORE_LIST] = "GET",[STORE_UPLOADS] = "GET"
	};

	return verify ? "HEAD" : methods[verb];
}

static void
draft_header(CallDraft *draft, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0' &&
		draft->header_count < S3_MAX_HEADERS)
		draft->headers[draft->header_count++] = (SigV4Pair) {name, value};
}

static void
draft_parameter(CallDraft *draft, const char *name, const char *value)
{
	draft->query[draft->query_count++] = (SigV4Pair) {name, value};
}

/* What says how an object is kept goes where the object is begun. */
static void
draft_object_headers(CallDraft *draft, const S3Signer *signer,
					 const StoreMeta *meta)
{
	draft_header(draft, "x-amz-storage-class", signer->options->storage_class);
	draft_header(draft, "x-amz-server-side-encryption",
				 signer->options->encryption);
	draft_header(draft, "x-amz-server-side-encryption-aws-kms-key-id",
				 signer->options->kms_key_id);
	draft_header(draft, S3_WRITER_META, signer->writer);
	if (meta == NULL)
		return;
	draft_header(draft, "Content-Type", meta->content_type);
	draft_header(draft, "x-amz-meta-pg-fanout-system", meta->system);
	draft_header(draft, "x-amz-meta-pg-fanout-slot", meta->slot);
	draft_header(draft, "x-amz-meta-pg-fanout-position", meta->position);
}

static void
draft_condition(CallDraft *draft, const StoreRequest *request)
{
	if (request->condition == STORE_CREATE)
		draft_header(draft, "If-None-Match", "*");
	if (request->condition == STORE_REPLACE)
		draft_header(draft, "If-Match", request->etag);
}

static void
draft_range(CallDraft *draft, const StoreRequest *request)
{
	if (request->size == 0)
		return;
	snprintf(draft->range, sizeof(draft->range), "bytes=%llu-%llu",
			 (unsigned long long) request->offset,
			 (unsigned long long) (request->offset + request->size - 1));
	draft_header(draft, "Range", draft->range);
}

/* A page's mark is "KEY" or "KEY<TAB>UPLOAD" (see s3_list.h): cut in two. */
static void
draft_list(CallDraft *draft, const StoreRequest *request)
{
	bool		uploads = request->verb == STORE_UPLOADS;
	const char *tab = request->after == NULL ? NULL :
		strchr(request->after, '\t');

	draft_parameter(draft, "prefix", request->key);
	draft_parameter(draft, uploads ? "uploads" : "list-type",
					uploads ? "" : "2");
	if (!uploads)
		draft_parameter(draft, "delimiter", "/");
	if (!uploads && request->after != NULL)
		draft_parameter(draft, "continuation-token", request->after);
	if (!uploads || tab == NULL)
		return;
	buf_append(&draft->marker, request->after,
			   (size_t) (tab - request->after));
	draft_parameter(draft, "key-marker", buf_string(&draft->marker));
	draft_parameter(draft, "upload-id-marker", tab + 1);
}

static void
draft_verb(CallDraft *draft, const S3Signer *signer,
		   const StoreRequest *request)
{
	switch (request->verb)
	{
		case STORE_PUT:
			draft_object_headers(draft, signer, request->meta);
			draft_condition(draft, request);
			break;
		case STORE_BEGIN:
			draft_object_headers(draft, signer, request->meta);
			draft_parameter(draft, "uploads", "");
			break;
		case STORE_PART:
			snprintf(draft->part, sizeof(draft->part), "%d", request->part);
			draft_parameter(draft, "partNumber", draft->part);
			draft_parameter(draft, "uploadId", request->upload);
			break;
		case STORE_COMPLETE:
			draft_header(draft, "Content-Type", "application/xml");
			draft_parameter(draft, "uploadId", request->upload);
			break;
		case STORE_ABORT:
			draft_parameter(draft, "uploadId", request->upload);
			break;
		case STORE_GET:
			draft_range(draft, request);
			break;
		case STORE_LIST:
		case STORE_UPLOADS:
			draft_list(draft, request);
			break;
		case STORE_HEAD:
		case STORE_DELETE:
			break;
	}
}

static bool
draft_sign(CallDraft *draft, const S3Call *call, const S3Signer *signer,
		   const char *hash, Error *err)
{
	const Credential *credential = &signer->credential;
	SigV4Key	key = {credential->access_key_id,
		credential->secret_access_key, credential->region, "s3"};
	SigV4Request request = {.method = call->method,
		.path = buf_string(&draft->path),
		.query = draft->query,.query_count = draft->query_count,
		.headers = draft->headers,.header_count = draft->header_count,
	.payload_hash = hash};

	if (request.path == NULL)
		return error_no_memory(err);
	return sigv4_authorize(&draft->authorization, &request, &key, draft->time,
						   err);
}

static bool
call_write_url(S3Call *call, CallDraft *draft, const S3Signer *signer,
			   Error *err)
{
	s3_target_base(&signer->target, &call->url);
	buf_append_slice(&call->url, buf_slice(&draft->path));
	if (draft->query_count > 0)
		buf_append_byte(&call->url, '?');
	if (!sigv4_query(&call->url, draft->query, draft->query_count, err))
		return false;
	return buf_string(&call->url) != NULL || error_no_memory(err);
}

/* The HTTP library writes Host by itself, from the same URL. */
static bool
call_write_headers(S3Call *call, CallDraft *draft, Error *err)
{
	for (size_t i = 0; i < draft->header_count; i++)
	{
		if (strcmp(draft->headers[i].name, "Host") == 0)
			continue;
		buf_printf(&call->headers, "%s: %s", draft->headers[i].name,
				   draft->headers[i].value);
		buf_append_byte(&call->headers, '\0');
	}
	buf_append_string(&call->headers, "Authorization: ");
	buf_append_slice(&call->headers, buf_slice(&draft->authorization));
	buf_append_byte(&call->headers, '\0');
	return !buf_failed(&call->headers) || error_no_memory(err);
}

bool
s3_call_build(S3Call *call, const S3Signer *signer,
			  const StoreRequest *request, bool verify, const char *hash,
			  int64_t wall, Error *err)
{
	CallDraft	draft = {0};
	bool		is_list = request->verb == STORE_LIST ||
		request->verb == STORE_UPLOADS;
	bool		ok;

	buf_clear(&call->url);
	buf_clear(&call->headers);
	buf_init(&draft.path, S3_MAX_CALL);
	buf_init(&draft.marker, S3_MAX_CALL);
	buf_init(&draft.authorization, S3_MAX_CALL);
	call->method = call_method(request->verb, verify);
	sigv4_time(wall, draft.time);
	s3_target_path(&signer->target, is_list ? "" : request->key, &draft.path);
	draft_header(&draft, "Host", signer->target.host);
	draft_header(&draft, "x-amz-content-sha256", hash);
	draft_header(&draft, "x-amz-date", draft.time);
	draft_header(&draft, "x-amz-security-token",
				 signer->credential.session_token);
	if (!verify)
		draft_verb(&draft, signer, request);
	ok = draft_sign(&draft, call, signer, hash, err) &&
		call_write_url(call, &draft, signer, err) &&
		call_write_headers(call, &draft, err);
	buf_free(&draft.path);
	buf_free(&draft.marker);
	buf_free(&draft.authorization);
	return ok;
}

void
s3_call_parts(Buf *out, char *const *tags, int count)
{
	buf_append_string(out, "<CompleteMultipartUpload>");
	for (int i = 0; i < count; i++)
	{
		buf_printf(out, "<Part><PartNumber>%d</PartNumber><ETag>", i + 1);
		for (const char *c = tags[i]; *c != '\0'; c++)
		{
			if (*c == '"')
				buf_append_string(out, "&quot;");
			else if (*c != '<' && *c != '&')
				buf_append_byte(out, (uint8_t) *c);
		}
		buf_append_string(out, "</ETag></Part>");
	}
	buf_append_string(out, "</CompleteMultipartUpload>");
}
