/*
 * s3_list.c
 *		A page of ListObjectsV2 or ListMultipartUploads. See s3_list.h.
 */
#include "s3_list.h"

#include <string.h>

#include "xml_text.h"

#define S3_LIST_KEY		2048	/* 1024, each of which may be a reference */
#define S3_LIST_UPLOAD	2048

/* What is between the next <name> and its end, taken off the front of xml. */
static bool
next_element(Slice *xml, const char *begin, const char *end, Slice *element)
{
	const uint8_t *from = memmem(xml->data, xml->size, begin, strlen(begin));
	const uint8_t *to;
	size_t		skip;

	if (from == NULL)
		return false;
	skip = (size_t) (from - xml->data);
	to = memmem(from, xml->size - skip, end, strlen(end));
	if (to == NULL)
		return false;
	*element = slice_make(from, (size_t) (to - from));
	*xml = slice_make(to, xml->size - (size_t) (to - xml->data));
	return true;
}

static bool
is_plain(const char *text)
{
	return text[strcspn(text, "\t\n")] == '\0';
}

static void
append_all(Buf *out, Slice xml, const char *begin, const char *end,
		   const char *name)
{
	char		key[S3_LIST_KEY];
	Slice		element;

	while (next_element(&xml, begin, end, &element))
		if (xml_text(element, name, key, sizeof(key)) && is_plain(key))
			buf_printf(out, "%s\n", key);
}

static void
append_uploads(Buf *out, Slice xml)
{
	char		key[S3_LIST_KEY];
	char		upload[S3_LIST_UPLOAD];
	Slice		element;

	while (next_element(&xml, "<Upload>", "</Upload>", &element))
		if (xml_text(element, "Key", key, sizeof(key)) &&
			xml_text(element, "UploadId", upload, sizeof(upload)) &&
			is_plain(key) && is_plain(upload))
			buf_printf(out, "%s\t%s\n", key, upload);
}

static void
append_mark(Buf *out, Slice xml, bool uploads)
{
	char		key[S3_LIST_KEY];
	char		upload[S3_LIST_UPLOAD];

	if (!uploads)
	{
		if (xml_text(xml, "NextContinuationToken", key, sizeof(key)))
			buf_printf(out, "\t%s\n", key);
	}
	else if (xml_text(xml, "NextKeyMarker", key, sizeof(key)) &&
			 xml_text(xml, "NextUploadIdMarker", upload, sizeof(upload)))
		buf_printf(out, "\t%s\t%s\n", key, upload);
}

bool
s3_list_page(Buf *out, Slice xml, bool uploads)
{
	static const char *const ends[] = {"</ListBucketResult>",
	"</ListMultipartUploadsResult>"};
	const char *end = ends[uploads];
	char		truncated[16];

	if (memmem(xml.data, xml.size, end, strlen(end)) == NULL)
		return false;
	if (uploads)
		append_uploads(out, xml);
	else
	{
		append_all(out, xml, "<Contents>", "</Contents>", "Key");
		append_all(out, xml, "<CommonPrefixes>", "</CommonPrefixes>",
				   "Prefix");
	}
	if (xml_text(xml, "IsTruncated", truncated, sizeof(truncated)) &&
		strcmp(truncated, "true") == 0)
		append_mark(out, xml, uploads);
	return true;
}
