/*
 * http_script.h
 *		An HTTP server that plays a script: what a real one does not do on demand.
 *
 * Each request is answered with the next line of the script, which may also
 * break the connection. Requests are kept for the test to look at. "%WRITER%" in
 * an answer becomes the last x-amz-meta-pg-fanout-writer seen; the body "%ECHO%"
 * that of the last PUT.
 */
#ifndef PG_FANOUT_HTTP_SCRIPT_H
#define PG_FANOUT_HTTP_SCRIPT_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HTTP_MAX_REQUESTS	64
#define HTTP_HEAD_SIZE		8192

typedef enum HttpAct
{
	HTTP_ANSWER,
	HTTP_RESET,					/* read the request, break the connection */
	HTTP_CUT,					/* answer, then close before its end */
	HTTP_EARLY					/* answer and break, without reading the body */
} HttpAct;

typedef struct HttpStep
{
	HttpAct		act;
	const char *status;			/* "200 OK" */
	const char *headers;		/* each with "\r\n" behind, or NULL */
	const char *body;			/* NULL: none */
} HttpStep;

typedef struct HttpRequest
{
	char		head[HTTP_HEAD_SIZE];
	char	   *body;
	size_t		size;
	struct timespec at;
} HttpRequest;

typedef struct HttpServer
{
	int			listener;
	int			port;
	pthread_t	thread;
	const HttpStep *steps;
	int			step_count;
	int			step;
	HttpRequest requests[HTTP_MAX_REQUESTS];
	int			request_count;
	char		writer[64];
	const char *echo;			/* body of the last PUT */
	pthread_mutex_t lock;		/* of the script and what was requested */
	pthread_t	threads[HTTP_MAX_REQUESTS];
	int			thread_count;
} HttpServer;

typedef struct HttpConnection
{
	HttpServer *server;
	int			fd;
} HttpConnection;

static inline bool
http_read_all(int fd, char *to, size_t size)
{
	while (size > 0)
	{
		ssize_t		got = read(fd, to, size);

		if (got <= 0)
			return false;
		to += got;
		size -= (size_t) got;
	}
	return true;
}

/* One byte at a time: only heads are read so. */
static inline bool
http_read_head(int fd, char *head)
{
	size_t		size = 0;

	while (size < HTTP_HEAD_SIZE - 1)
	{
		if (!http_read_all(fd, head + size, 1))
			return false;
		head[++size] = '\0';
		if (size >= 4 && strcmp(head + size - 4, "\r\n\r\n") == 0)
			return true;
	}
	return false;
}

/* The value of a request's header, in a static buffer; "" if there is none. */
static inline const char *
http_header(const HttpRequest *request, const char *name)
{
	static char value[2048];
	size_t		size = strlen(name);

	value[0] = '\0';
	for (const char *line = strstr(request->head, "\r\n"); line != NULL;
		 line = strstr(line, "\r\n"))
	{
		line += 2;
		if (strncasecmp(line, name, size) != 0 || line[size] != ':')
			continue;
		line += size + 1;
		while (*line == ' ')
			line++;
		snprintf(value, sizeof(value), "%.*s", (int) strcspn(line, "\r"), line);
		return value;
	}
	return value;
}

static inline void
http_break(int fd)
{
	struct linger now = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static inline void
http_answer(HttpServer *server, int fd, const HttpStep *step, bool head_only)
{
	char		text[16384];
	char		body[4096];
	const char *mark;
	size_t		extra = step->act == HTTP_CUT ? 100 : 0;
	size_t		size;

	snprintf(body, sizeof(body), "%s", step->body == NULL ? "" :
			 strcmp(step->body, "%ECHO%") == 0 ? server->echo : step->body);
	snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%s", step->status,
			 step->headers == NULL ? "" : step->headers);
	mark = strstr(text, "%WRITER%");
	if (mark != NULL)
	{
		char		rest[4096];

		snprintf(rest, sizeof(rest), "%s", mark + 8);
		snprintf(text + (mark - text), sizeof(text) - (size_t) (mark - text), "%s%s",
				 server->writer, rest);
	}
	size = strlen(text);
	if (strcasestr(text, "Content-Length:") == NULL)
		size += (size_t) snprintf(text + size, sizeof(text) - size,
								  "Content-Length: %zu\r\n", strlen(body) + extra);
	size += (size_t) snprintf(text + size, sizeof(text) - size, "\r\n%s",
							  head_only ? "" : body);
	if (write(fd, text, size) != (ssize_t) size)
		return;
}

/* Returns false when the connection is over. */
static inline bool
http_play(HttpServer *server, int fd, const char *head)
{
	HttpRequest *request = &server->requests[server->request_count];
	const HttpStep *step;
	const char *length;

	memcpy(request->head, head, strlen(head) + 1);
	assert(server->request_count < HTTP_MAX_REQUESTS - 1);
	assert(server->step < server->step_count);
	step = &server->steps[server->step++];
	clock_gettime(CLOCK_MONOTONIC, &request->at);
	length = http_header(request, "Content-Length");
	request->size = strtoul(length, NULL, 10);
	if (step->act != HTTP_EARLY)
	{
		request->body = calloc(1, request->size + 1);
		if (!http_read_all(fd, request->body, request->size))
			assert(!"body cut short");
	}
	if (http_header(request, "x-amz-meta-pg-fanout-writer")[0] != '\0')
		snprintf(server->writer, sizeof(server->writer), "%.60s",
				 http_header(request, "x-amz-meta-pg-fanout-writer"));
	if (strncmp(request->head, "PUT ", 4) == 0)
		server->echo = request->body;
	server->request_count++;
	if (step->act == HTTP_RESET)
	{
		http_break(fd);
		return false;
	}
	http_answer(server, fd, step, strncmp(request->head, "HEAD", 4) == 0);
	if (step->act == HTTP_ANSWER)
		return true;
	if (step->act == HTTP_EARLY)
		usleep(100000);
	http_break(fd);
	return false;
}

/* Two connections may bring their requests at the same time. */
static inline bool
http_serve_one(HttpServer *server, int fd)
{
	char		head[HTTP_HEAD_SIZE];
	bool		ok;

	if (!http_read_head(fd, head))
	{
		close(fd);
		return false;
	}
	pthread_mutex_lock(&server->lock);
	ok = http_play(server, fd, head);
	pthread_mutex_unlock(&server->lock);
	return ok;
}

static inline void *
http_serve_connection(void *context)
{
	HttpConnection *connection = context;

	while (http_serve_one(connection->server, connection->fd))
		;
	free(connection);
	return NULL;
}

/* A client leaves old connections open: each has a thread. */
static inline void *
http_serve(void *context)
{
	HttpServer *server = context;

	for (;;)
	{
		int			fd = accept(server->listener, NULL, NULL);
		HttpConnection *connection;

		if (fd < 0)
			return NULL;
		connection = malloc(sizeof(*connection));
		*connection = (HttpConnection) {server, fd};
		assert(server->thread_count < HTTP_MAX_REQUESTS);
		if (pthread_create(&server->threads[server->thread_count], NULL,
						   http_serve_connection, connection) != 0)
			abort();
		server->thread_count++;
	}
}

/* Requests must come one after the other: tests allow one upload at a time. */
static inline void
http_start(HttpServer *server, const HttpStep *steps, int count)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	size = sizeof(address);

	memset(server, 0, sizeof(*server));
	server->steps = steps;
	server->step_count = count;
	pthread_mutex_init(&server->lock, NULL);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server->listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(server->listener, 16) != 0 ||
		getsockname(server->listener, (struct sockaddr *) &address, &size) != 0 ||
		pthread_create(&server->thread, NULL, http_serve, server) != 0)
		abort();
	server->port = ntohs(address.sin_port);
}

/* Clients must have closed their connections. */
static inline void
http_stop(HttpServer *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	for (int i = 0; i < server->thread_count; i++)
		pthread_join(server->threads[i], NULL);
	close(server->listener);
	for (int i = 0; i < server->request_count; i++)
		free(server->requests[i].body);
}

static inline double
http_seconds_between(const HttpServer *server, int first, int second)
{
	const struct timespec *a = &server->requests[first].at;
	const struct timespec *b = &server->requests[second].at;

	return (double) (b->tv_sec - a->tv_sec) + (double) (b->tv_nsec - a->tv_nsec) / 1e9;
}

#endif							/* PG_FANOUT_HTTP_SCRIPT_H */
