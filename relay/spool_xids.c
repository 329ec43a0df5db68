/*
 * spool_xids.c
 *		A set of subtransactions. See spool_xids.h.
 */
#include "spool_xids.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BITS	((uint32_t) 65536)
#define PAGE_BYTES	(PAGE_BITS / 8)

static bool
make_room(SpoolXids *xids, size_t page)
{
	size_t		count = page + 1;
	uint8_t   **pages;

	if (count <= xids->page_count)
		return true;
	if (count < xids->page_count * 2)
		count = xids->page_count * 2;
	pages = realloc(xids->pages, count * sizeof(*pages));
	if (pages == NULL)
		return false;
	memset(pages + xids->page_count, 0,
		   (count - xids->page_count) * sizeof(*pages));
	xids->memory += (count - xids->page_count) * sizeof(*pages);
	xids->pages = pages;
	xids->page_count = count;
	return true;
}

bool
spool_xids_add(SpoolXids *xids, uint32_t distance)
{
	size_t		page = distance / PAGE_BITS;
	uint32_t	bit = distance % PAGE_BITS;

	if (!make_room(xids, page))
		return false;
	if (xids->pages[page] == NULL)
	{
		xids->pages[page] = calloc(1, PAGE_BYTES);
		if (xids->pages[page] == NULL)
			return false;
		xids->memory += PAGE_BYTES;
	}
	xids->pages[page][bit / 8] |= (uint8_t) (1 << bit % 8);
	return true;
}

bool
spool_xids_has(const SpoolXids *xids, uint32_t distance)
{
	size_t		page = distance / PAGE_BITS;
	uint32_t	bit = distance % PAGE_BITS;

	return page < xids->page_count && xids->pages[page] != NULL &&
		(xids->pages[page][bit / 8] & 1 << bit % 8) != 0;
}

void
spool_xids_free(SpoolXids *xids)
{
	for (size_t i = 0; i < xids->page_count; i++)
		free(xids->pages[i]);
	free(xids->pages);
	*xids = (SpoolXids) {0};
}
