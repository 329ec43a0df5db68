/*
 * s3_reply.c
 *		What an S3 server answered. See s3_reply.h.
 */
#include "s3_reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "xml_text.h"

typedef struct S3Code
{
	const char *name;
	S3Verdict	verdict;
	const char *hint;			/* NULL: none of its own */
} S3Code;

/* Codes not listed here are judged by the status. */
static const S3Code s3_codes[] = {
	{"NoSuchKey", S3_MISSING, NULL},
	{"NoSuchUpload", S3_UPLOAD_GONE, NULL},
	{"PreconditionFailed", S3_CONFLICT, NULL},
	{"NotImplemented", S3_REFUSED,
	"The server lacks what the sink needs: conditional writes (If-None-Match and If-Match)."},
	{"RequestTimeout", S3_AGAIN, NULL},
	{"IncompleteBody", S3_AGAIN, NULL},
	{"InternalError", S3_AGAIN, NULL},
	{"SlowDown", S3_AGAIN, NULL},
	{"OperationAborted", S3_AGAIN, NULL},
	{"ConditionalRequestConflict", S3_AGAIN, NULL},
	{"ExpiredToken", S3_RENEW,
	"The session token has expired: renew it where the "
	"credentials come from."},
	{"TokenRefreshRequired", S3_RENEW,
	"The session token has expired: renew it where "
	"the credentials come from."},
	{"RequestTimeTooSkewed", S3_CLOCK, "Set this machine's clock."},
	{"AccessDenied", S3_REFUSED,
	"The credentials need s3:PutObject, s3:GetObject and "
	"s3:AbortMultipartUpload on the prefix, and s3:ListBucket on the bucket (without it "
	"S3 answers this for an object that does not exist)."},
	{"AllAccessDisabled", S3_REFUSED,
	"The owner of the bucket has disabled it."},
	{"AccountProblem", S3_REFUSED,
	"See the account's state with its provider."},
	{"NoSuchBucket", S3_REFUSED,
	"Create the bucket, or correct the sink's URL."},
	{"InvalidBucketName", S3_REFUSED, "Correct the sink's URL."},
	{"QuotaExceeded", S3_REFUSED,
	"Free space on the server or raise the quota."},
	{"XMinioStorageFull", S3_REFUSED, "Free space on the server."},
	{"InvalidStorageClass", S3_REFUSED, "Correct the option storage_class."},
	{"InvalidToken", S3_REFUSED,
	"The session token does not fit the access key."},
	{NULL}
};

/* ---- judgement ---- */

/*
 * Texts of the server go into a line of our log: one line of plain characters.
 */
static void
reply_text(Slice body, const char *name, char *out)
{
	if (!xml_text(body, name, out, S3_TAG_SIZE))
		out[0] = '\0';
	for (; *out != '\0'; out++)
		if ((unsigned char) *out < ' ' || *out == 0x7f)
			*out = ' ';
}

static const S3Code *
code_find(const char *name)
{
	const S3Code *code = s3_codes;

	while (code->name != NULL && strcmp(code->name, name) != 0)
		code++;
	return code->name == NULL ? NULL : code;
}

static S3Verdict
status_judge(long status, const char *code)
{
	if (status == 412)
		return S3_CONFLICT;
	if (status == 404)
		return code[0] == '\0' ? S3_MISSING : S3_REFUSED;
	if (status == 408 || status == 429 || status == 500 || status == 502 ||
		status == 503 || status == 504)
		return S3_AGAIN;
	return S3_REFUSED;
}

static bool
is_other_region(long status, const char *code)
{
	return status == 301 || status == 307 || status == 308 ||
		strcmp(code, "PermanentRedirect") == 0 ||
		strcmp(code, "TemporaryRedirect") == 0 ||
		strcmp(code, "AuthorizationHeaderMalformed") == 0 ||
		strcmp(code, "IllegalLocationConstraintException") == 0;
}

static void
region_hint(const S3Reply *reply, const S3Place *place, Error *err)
{
	char		region[S3_TAG_SIZE];

	reply_text(reply->body, "Region", region);
	if (region[0] == '\0')
		snprintf(region, sizeof(region), "%s", reply->region);
	if (region[0] != '\0' && strcmp(region, place->region) != 0)
		error_hint(err, "The bucket is in region %s, the sink uses %s: set region=%s.",
				   region, place->region, region);
	else
		error_hint(err, "The sink uses region %s: set the bucket's own with the option "
				   "region, and check the endpoint.", place->region);
}

static void
reply_hint(const S3Reply *reply, const S3Place *place, const char *name,
		   const S3Code *code, Error *err)
{
	if (is_other_region(reply->status, name))
		region_hint(reply, place, err);
	else if (strcmp(name, "InvalidAccessKeyId") == 0)
		error_hint(err, "The server does not know the access key ID, which comes from "
				   "the %s.", place->key_source);
	else if (strcmp(name, "SignatureDoesNotMatch") == 0)
		error_hint(err,
				   "Check the secret access key, which comes from the %s.",
				   place->key_source);
	else if (strncmp(name, "KMS.", 4) == 0)
		error_hint(err,
				   "Check the option kms_key_id and the rights on that key.");
	else if (code != NULL && code->hint != NULL)
		error_hint(err, "%s", code->hint);
	else if (reply->status == 403)
		error_hint(err, "Check the credentials, which come from the %s, and their rights "
				   "on the bucket.", place->key_source);
}

static void
reply_describe(const S3Reply *reply, const S3Place *place, const char *name,
			   ErrorCode code, Error *err)
{
	char		message[S3_TAG_SIZE];
	char		id[S3_TAG_SIZE];

	reply_text(reply->body, "Message", message);
	reply_text(reply->body, "RequestId", id);
	error_set(err, code, "could not %s \"%s\" in bucket \"%s\" at %s: %s",
			  place->action, place->key, place->bucket, place->host,
			  name[0] != '\0' ? name : "the server refused it");
	error_detail(err, "The server answered %ld%s%s%s%s.", reply->status,
				 message[0] == '\0' ? "" : ": ", message,
				 id[0] == '\0' ? "" : "; request ID ", id);
}

S3Verdict
s3_reply_judge(const S3Reply *reply, const S3Place *place,
			   ErrorCode error_code, Error *err)
{
	char		name[S3_TAG_SIZE];
	char		ignored[S3_TAG_SIZE];
	const S3Code *code;
	S3Verdict	verdict;
	bool		good = reply->status >= 200 && reply->status < 300;

	if (good && !reply->complete)
		return S3_GOOD;
	reply_text(reply->body, "Code", name);
	if (good && name[0] == '\0')
	{
		/* cut short, it may still have turned into an error */
		if (xml_text(reply->body, "ETag", ignored, sizeof(ignored)))
			return S3_GOOD;
		snprintf(name, sizeof(name), "an answer without a result");
		verdict = S3_AGAIN;
		code = NULL;
	}
	else
	{
		code = code_find(name);
		verdict = code != NULL ? code->verdict :
			status_judge(good ? 500 : reply->status, name);
	}
	if (verdict == S3_CONFLICT && !reply->conditional)
		verdict = S3_REFUSED;
	if (verdict == S3_MISSING || verdict == S3_CONFLICT)
		return verdict;
	reply_describe(reply, place, name, error_code, err);
	reply_hint(reply, place, name, code, err);
	if (verdict == S3_AGAIN)
		error_retriable(err);
	return verdict;
}
