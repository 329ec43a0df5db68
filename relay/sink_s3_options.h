/*
 * sink_s3_options.h
 *		The object sink's options: one row each.
 */
#ifndef PG_FANOUT_SINK_S3_OPTIONS_H
#define PG_FANOUT_SINK_S3_OPTIONS_H

#include "option.h"

typedef struct SinkS3Options
{
	/* objects */
	int			compression;	/* Compression */
	int64_t		compression_level;
	int64_t		flush_bytes;
	int64_t		flush_records;
	int64_t		flush_interval;

	/* uploads */
	int64_t		part_bytes;
	int64_t		max_uploads;
	int64_t		memory;
	int64_t		connect_timeout;
	int64_t		request_timeout;

	/* the bucket; of no use to a directory */
	char	   *endpoint;
	char	   *region;
	int			path_style;		/* S3PathStyle */
	char	   *access_key_id;
	char	   *secret_access_key;
	char	   *session_token;
	char	   *profile;
	char	   *credentials_file;
	char	   *ca_file;
	char	   *storage_class;
	char	   *encryption;
	char	   *kms_key_id;
} SinkS3Options;

extern const OptionTable sink_s3_option_table;

#endif							/* PG_FANOUT_SINK_S3_OPTIONS_H */
