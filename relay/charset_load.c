/*
 * charset_load.c
 *		Asks the server how its database's encoding maps to UTF-8. See
 *		charset_load.h.
 */
#include "charset_load.h"

#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "hex.h"
#include "log.h"

/*
 * Every character beyond ASCII as "HEX=HEX," of both encodings, left in a
 * setting of the session. One by one, since a conversion fails as a whole;
 * what fails is no character, or has no UTF-8. %s: the bytes before the last
 * one of each character, and between which bounds that lies.
 */
static const char map_query[] =
	"DO LANGUAGE plpgsql $map$ DECLARE"
	" prefix pg_catalog.bytea; one pg_catalog.bytea;"
	" map pg_catalog.text := ''; part pg_catalog.text; BEGIN"
	" FOR prefix IN %s LOOP part := '';"
	"  FOR tail IN %s LOOP BEGIN"
	"   one := prefix OPERATOR(pg_catalog.||) pg_catalog.set_byte("
	"    '\\x00'::pg_catalog.bytea, 0, tail);"
	"   part := pg_catalog.concat(part, pg_catalog.encode(one, 'hex'), '=',"
	"    pg_catalog.encode(pg_catalog.convert(one,"
	"     pg_catalog.getdatabaseencoding(), 'UTF8'), 'hex'), ',');"
	"  EXCEPTION WHEN untranslatable_character OR character_not_in_repertoire"
	"   THEN NULL;"
	"  END; END LOOP;"
	"  map := pg_catalog.concat(map, part);"
	" END LOOP;"
	" PERFORM pg_catalog.set_config('pg_fanout_relay.map', map, false); END $map$";

#define HIGH_BYTES \
	"SELECT pg_catalog.set_byte('\\x00'::pg_catalog.bytea, 0, n) AS lead" \
	" FROM pg_catalog.generate_series(161, 254) n"

static const char single_prefix[] = "SELECT ''::pg_catalog.bytea";
static const char euc_prefix[] = HIGH_BYTES;
static const char euc_jp_prefix[] =
	HIGH_BYTES " UNION ALL SELECT '\\x8e'::pg_catalog.bytea UNION ALL"
	" SELECT '\\x8f'::pg_catalog.bytea OPERATOR(pg_catalog.||) lead"
	" FROM (" HIGH_BYTES ") s";

static const char single_bytes[] = "128..255";
static const char euc_bytes[] = "161..254";

typedef struct Encoding
{
	const char *name;
	CharsetShape shape;
} Encoding;

/* All other encodings of servers, but for those without one, are single. */
static const Encoding encodings[] = {
	{"EUC_JP", CHARSET_EUC_JP},
	{"EUC_JIS_2004", CHARSET_EUC_JP},
	{"EUC_KR", CHARSET_EUC},
	{"EUC_CN", CHARSET_EUC},
};

/* Nothing to convert, or of a shape that Charset has not. */
static const char *const without[] = {
	"UTF8", "SQL_ASCII", "EUC_TW", "MULE_INTERNAL",
};

static bool
find_shape(const char *name, CharsetShape *shape)
{
	*shape = CHARSET_SINGLE;
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
	{
		if (strcmp(without[i], name) == 0)
			return false;
	}
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
	{
		if (strcmp(encodings[i].name, name) == 0)
			*shape = encodings[i].shape;
	}
	return true;
}

/* Hexadecimal digits up to the stop, which is passed over; 0: malformed. */
static size_t
take_hex(const char **at, char stop, uint8_t *bytes, size_t room)
{
	size_t		size = 0;

	for (; **at != stop; *at += 2)
	{
		int			high = hex_digit((*at)[0]);
		int			low = high < 0 ? -1 : hex_digit((*at)[1]);

		if (low < 0 || size == room)
			return 0;
		bytes[size++] = (uint8_t) (high << 4 | low);
	}
	(*at)++;
	return size;
}

static bool
read_map(Charset *charset, const char *map)
{
	while (*map != '\0')
	{
		uint8_t		character[4];
		uint8_t		utf8[CHARSET_MAX_UTF8];
		size_t		size = take_hex(&map, '=', character, sizeof(character));
		size_t		utf8_size = size == 0 ? 0 :
			take_hex(&map, ',', utf8, sizeof(utf8));

		if (utf8_size == 0 ||
			!charset_map(charset, slice_make(character, size),
						 slice_make(utf8, utf8_size)))
			return false;
	}
	return true;
}

/* The map as text, in a result; NULL: failed. */
static PGresult *
ask_map(PGconn *conn, CharsetShape shape, Error *err)
{
	const char *prefix = shape == CHARSET_SINGLE ? single_prefix :
		shape == CHARSET_EUC ? euc_prefix : euc_jp_prefix;
	const char *last = shape == CHARSET_SINGLE ? single_bytes : euc_bytes;
	PGresult   *result = NULL;
	Buf			query;

	buf_init(&query, 16384);
	buf_printf(&query, map_query, prefix, last);
	if (buf_string(&query) != NULL)
		result = connection_query(conn, buf_string(&query), err);
	else
		error_no_memory(err);
	buf_free(&query);
	if (result == NULL)
		return NULL;
	PQclear(result);
	return connection_query(conn,
		"SELECT pg_catalog.current_setting('pg_fanout_relay.map')", err);
}

/* That there is none: the server converts, and may fail one day. */
static bool
go_without(PGconn *conn, Error *err)
{
	if (PQstatus(conn) == CONNECTION_BAD)
		return false;
	log_warning("text is converted by the server, which stops at a character that UTF-8 does not have: %s",
				err->message);
	error_clear(err);
	return true;
}

bool
charset_load(PGconn *conn, Charset **charset, Error *err)
{
	const char *encoding = PQparameterStatus(conn, "server_encoding");
	CharsetShape shape;
	PGresult   *result;

	*charset = NULL;
	if (encoding == NULL || !find_shape(encoding, &shape))
		return true;
	result = ask_map(conn, shape, err);
	if (result == NULL)
		return go_without(conn, err);
	*charset = charset_new(shape);
	if (*charset == NULL)
		error_no_memory(err);
	else if (!read_map(*charset, PQgetvalue(result, 0, 0)))
	{
		charset_free(*charset);
		*charset = NULL;
		error_set(err, ERROR_SOURCE,
				  "the server's map of encoding %s is not understood",
				  encoding);
	}
	PQclear(result);
	return *charset != NULL;
}

bool
charset_switch(PGconn *conn, Error *err)
{
	if (PQsetClientEncoding(conn,
							PQparameterStatus(conn, "server_encoding")) == 0)
		return true;
	return connection_error(conn, NULL, err);
}
