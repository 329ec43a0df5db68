/*
 * sink_s3_options.c
 *		The object sink's options: one row each.
 */
#include "sink_s3_options.h"

#include "compress.h"

#define MB				INT64_C(1048576)
#define GB				(1024 * MB)
#define AT(member)		offsetof(SinkS3Options, member)

static const char *const path_style_words[] = {"auto", "on", "off", NULL};

static const Option sink_s3_options[] = {
	{"compression", 0, OPTION_WORD, AT(compression), "none", 0, 0,
		compression_words, "WORD",
	"Compression of objects, whose names then end in .gz or .zst."},
	{"compression-level", 0, OPTION_INT, AT(compression_level), "0", 0, 19,
		NULL, "N",
	"1 to 9 for gzip, 1 to 19 for zstd; 0 is the library's default."},
	{"flush-bytes", 0, OPTION_BYTES, AT(flush_bytes), "64MB", 1024, 100 * GB,
		NULL, "BYTES",
	"Close all open objects at the commit after which they hold this much, counted before compression, all tables together. One table's object is closed within a transaction when it alone has it."},
	{"flush-records", 0, OPTION_INT, AT(flush_records), "0", 0,
		INT64_C(1000000000000), NULL, "N",
	"Close all open objects at the commit after which they hold this many records; 0 is no limit."},
	{"flush-interval", 0, OPTION_TIME, AT(flush_interval), "1min", 1000,
		INT64_C(86400000000), NULL, "TIME",
	"Close all open objects, between transactions, when the first of them is this old. Until then the slot keeps its WAL."},
	{"part-bytes", 0, OPTION_BYTES, AT(part_bytes), "8MB", 5 * MB, 512 * MB,
		NULL, "BYTES",
	"Objects that outgrow this (after compression) are uploaded in parts of this size, smaller ones in one piece."},
	{"max-uploads", 0, OPTION_INT, AT(max_uploads), "4", 1, 32, NULL, "N",
	"Requests under way at a time."},
	{"memory", 0, OPTION_BYTES, AT(memory), "96MB", 16 * MB, 64 * GB, NULL,
		"BYTES",
	"Memory for records on their way. When it is used up the relay stops reading; when open objects hold it all, the largest are closed."},
	{"connect-timeout", 0, OPTION_TIME, AT(connect_timeout), "15s", 100000,
		INT64_C(3600000000), NULL, "TIME",
	"How long to try to reach the bucket at the start. Once running, the sink waits for it without limit."},
	{"request-timeout", 0, OPTION_TIME, AT(request_timeout), "60s", 1000000,
		INT64_C(3600000000), NULL, "TIME",
	"A request that moves no byte for so long is tried again."},
	{"endpoint", 0, OPTION_STRING, AT(endpoint), NULL, 0, 0, NULL, "URL",
	"Server other than Amazon's: https://HOST:PORT, or http:// without encryption."},
	{"region", 0, OPTION_STRING, AT(region), NULL, 0, 0, NULL, "NAME",
	"Region of the bucket; default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1."},
	{"path-style", 0, OPTION_WORD, AT(path_style), "auto", 0, 0,
		path_style_words, "WORD",
	"on puts the bucket's name into the path, off before the host's name; auto is on with an endpoint or a dot in the bucket's name."},
	{"access-key-id", 0, OPTION_STRING, AT(access_key_id), NULL, 0, 0, NULL,
		"ID",
	"Access key; default: AWS_ACCESS_KEY_ID, a web identity, the profile's, the container's, the instance's."},
	{"secret-access-key", 0, OPTION_SECRET, AT(secret_access_key), NULL, 0, 0,
		NULL, "SECRET",
	"Secret of the access key; found with it."},
	{"session-token", 0, OPTION_SECRET, AT(session_token), NULL, 0, 0, NULL,
		"SECRET",
	"Token of temporary credentials."},
	{"profile", 0, OPTION_STRING, AT(profile), NULL, 0, 0, NULL, "NAME",
	"Profile of the shared credentials and config files, before the environment's keys; default: AWS_PROFILE, then \"default\", after them."},
	{"credentials-file", 0, OPTION_STRING, AT(credentials_file), NULL, 0, 0,
		NULL, "FILE",
	"Shared credentials file; default: AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials."},
	{"ca-file", 0, OPTION_STRING, AT(ca_file), NULL, 0, 0, NULL, "FILE",
	"Certificates of the authorities to trust (PEM); default: the system's."},
	{"storage-class", 0, OPTION_STRING, AT(storage_class), NULL, 0, 0, NULL,
		"NAME",
	"Storage class of objects: STANDARD_IA and others."},
	{"encryption", 0, OPTION_STRING, AT(encryption), NULL, 0, 0, NULL, "NAME",
	"Encryption by the server: AES256 or aws:kms; default: the bucket's."},
	{"kms-key-id", 0, OPTION_STRING, AT(kms_key_id), NULL, 0, 0, NULL, "ID",
	"Key for aws:kms."},
};

const OptionTable sink_s3_option_table = {
	"S3 and directory sink", "sink", sink_s3_options,
	sizeof(sink_s3_options) / sizeof(sink_s3_options[0]), sizeof(SinkS3Options)
};
