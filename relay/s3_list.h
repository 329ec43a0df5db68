/*
 * s3_list.h
 *		A page of ListObjectsV2 or ListMultipartUploads, as stores answer.
 *
 * Its form is object_store.h's. The mark of a page of uploads is
 * "KEY<TAB>UPLOAD", that of a page of objects the server's token.
 */
#ifndef PG_FANOUT_S3_LIST_H
#define PG_FANOUT_S3_LIST_H

#include "buf.h"

/* false: the answer is cut short. */
extern bool s3_list_page(Buf *out, Slice xml, bool uploads);

#endif							/* PG_FANOUT_S3_LIST_H */
