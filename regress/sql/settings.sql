-- Settings of the server, the role and the session change nothing on the wire.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT 'created' FROM pg_create_logical_replication_slot('settings', 'pg_fanout');
CREATE TYPE pair AS (a timestamptz, b float8);
CREATE TABLE tuned (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, i interval, f float8, y bytea, m money, r tstzrange, fr numrange, p point, pr pair, rc regclass, da date[], ya bytea[], tza tstzrange[], x xml, ti timetz);
CREATE TABLE "Quoted Table" (id int);
SET datestyle = 'ISO, MDY';
SET timezone = 'UTC';
INSERT INTO tuned VALUES (1, '2024-02-03', '2024-02-03 04:05:06.7', '2024-02-03 04:05:06.7+00', '1 mon 2 days 03:04:05', 0.1, '\x00ff5c27', 1234.5, '[2024-02-03 00:00+00,)', '[0.10,1)', '(0.1,0.30000000000000004)', ('2024-02-03 00:00+00', 0.1), '"Quoted Table"', '{2024-02-03}', '{"\\x00ff"}', '{"[2024-02-03 00:00+00,2024-02-04 00:00+00)"}', '<a b="c"/>', '12:00+02');
CREATE FUNCTION pg_temp.wire() RETURNS text LANGUAGE sql AS $$ SELECT md5(string_agg(data, '' ORDER BY lsn)) FROM pg_logical_slot_peek_binary_changes('settings', NULL, NULL) $$;
SELECT pg_temp.wire() AS plain \gset
SELECT record->>'after' FROM fanout.peek('settings') WHERE record->>'kind' = 'change';
SET datestyle = 'German, DMY';
SET intervalstyle = 'sql_standard';
SET timezone = 'America/St_Johns';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET xmlbinary = 'hex';
SET quote_all_identifiers = on;
SET search_path = '';
SET standard_conforming_strings = off;
SET array_nulls = off;
SET client_encoding = 'LATIN1';
SELECT pg_temp.wire() = :'plain';
SET search_path = pg_temp, public, pg_catalog;
SET intervalstyle = 'iso_8601';
SET datestyle = 'SQL, DMY';
SELECT pg_temp.wire() = :'plain';
-- and reading the slot leaves the session's as they are
SHOW datestyle;
SHOW intervalstyle;
SHOW timezone;
SHOW extra_float_digits;
SHOW search_path;
SHOW bytea_output;
SHOW quote_all_identifiers;
RESET ALL;
SELECT pg_drop_replication_slot('settings');
DROP TABLE tuned, "Quoted Table";
DROP TYPE pair;
DROP EXTENSION pg_fanout;
