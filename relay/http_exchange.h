/*
 * http_exchange.h
 *		One small HTTP request and its answer, without blocking the loop.
 *
 * For services that hand out keys: instance metadata, containers' agents, STS.
 * An answer is bounded, held in memory and wiped at the end, for it may hold
 * secrets. Redirects are not followed. Knows nothing of what is asked.
 */
#ifndef PG_FANOUT_HTTP_EXCHANGE_H
#define PG_FANOUT_HTTP_EXCHANGE_H

#include <stdint.h>

#include "buf.h"
#include "error.h"

/* All is copied. */
typedef struct HttpCall
{
	const char *method;			/* GET, PUT, POST */
	const char *url;			/* http or https */
	const char *const *headers; /* "Name: value"; ends with NULL, or NULL */
	const char *body;			/* POST's; NULL: none */
	int64_t		connect_timeout;	/* microseconds */
	int64_t		timeout;		/* of the whole exchange, microseconds */
	bool		direct;			/* never by a proxy */
} HttpCall;

typedef enum HttpState
{
	HTTP_PENDING,
	HTTP_ANSWERED,				/* with whatever status */
	HTTP_FAILED					/* err says why; may succeed later */
} HttpState;

typedef struct HttpExchange HttpExchange;

/* NULL: out of memory, or a URL that is none. */
extern HttpExchange *http_exchange_start(const HttpCall *call, Error *err);

/*
 * Lets it go on, for at most `wait` microseconds (0: only what can be done at
 * once). err: with HTTP_FAILED, marked retriable.
 */
extern HttpState http_exchange_poll(HttpExchange *exchange, int64_t wait,
									Error *err);

/* Once answered; they live as long as the exchange. */
extern long http_exchange_status(const HttpExchange *exchange);
extern Slice http_exchange_body(const HttpExchange *exchange);

/* Also while it is pending. NULL is allowed. */
extern void http_exchange_free(HttpExchange *exchange);

#endif							/* PG_FANOUT_HTTP_EXCHANGE_H */
