-- Settings of the database and the role change nothing.
CREATE TYPE pair AS (a timestamptz, b float8);
CREATE TABLE "Quoted Table" (id int);
CREATE TABLE tuned (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, i interval, f float8, f4 float4, y bytea, m money, r tstzrange, fr numrange, p point, pr pair, rc regclass, da date[], ya bytea[], tza tstzrange[], x xml, ti timetz, t text, n numeric, ia interval[]);
CREATE PUBLICATION tuned FOR ALL TABLES;
-- publications: tuned
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET datestyle = 'German, DMY';
ALTER DATABASE :"database" SET intervalstyle = 'sql_standard';
ALTER DATABASE :"database" SET timezone = 'America/St_Johns';
ALTER DATABASE :"database" SET extra_float_digits = -15;
ALTER DATABASE :"database" SET bytea_output = 'escape';
ALTER DATABASE :"database" SET xmlbinary = 'hex';
ALTER DATABASE :"database" SET quote_all_identifiers = on;
ALTER DATABASE :"database" SET client_encoding = 'LATIN1';
ALTER DATABASE :"database" SET array_nulls = off;
ALTER DATABASE :"database" SET standard_conforming_strings = off;
ALTER DATABASE :"database" SET default_transaction_read_only = on;
ALTER DATABASE :"database" SET default_transaction_isolation = 'serializable';
ALTER ROLE CURRENT_USER IN DATABASE :"database" SET search_path = 'public';
ALTER ROLE CURRENT_USER IN DATABASE :"database" SET statement_timeout = '1s';
ALTER ROLE CURRENT_USER IN DATABASE :"database" SET lock_timeout = '1s';
ALTER ROLE CURRENT_USER IN DATABASE :"database" SET idle_in_transaction_session_timeout = '1s';
ALTER ROLE CURRENT_USER IN DATABASE :"database" SET intervalstyle = 'iso_8601';
ALTER ROLE CURRENT_USER IN DATABASE :"database" SET datestyle = 'SQL, DMY';
-- workload

-- test: hostile settings
SET default_transaction_read_only = off;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET array_nulls = on;
INSERT INTO tuned VALUES (1, '2024-02-03', '2024-02-03 04:05:06.7', '2024-02-03 04:05:06.7+00', '1 mon 2 days 03:04:05', 0.1, 0.1, '\x00ff5c27', 1234.5, '[2024-02-03 00:00+00,)', '[0.10,1)', '(0.1,0.30000000000000004)', ('2024-02-03 00:00+00', 0.1), '"Quoted Table"', '{2024-02-03,NULL}', '{"\\x00ff"}', '{"[2024-02-03 00:00+00,2024-02-04 00:00+00)"}', '<a b="c"/>', '12:00+02', 'ü€', 1.10, '{-1 mon,1 day -1 us}'),
	(2, '0044-03-15 BC', '0044-03-15 10:00 BC', '0044-03-15 10:00+00 BC', '-1 years -2 mons +3 days -04:05:06.789', 1e300, 1e-30, '', -0.01, 'empty', 'empty', '(1e300,-0)', NULL, 'pg_class', '{infinity}', '{}', '{}', NULL, '12:00:00.000001-02', '', 'NaN', '{}');
UPDATE tuned SET tz = '2024-07-01 00:00+00';
SELECT pg_sleep(1.2) IS NULL WHERE false;
DELETE FROM tuned;
