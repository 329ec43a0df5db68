-- Values of every type with an encoding of its own, their extremes, and types
-- that go as text.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('types');
CREATE TABLE numbers (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, o oid, x xid, f4 float4, f8 float8, n numeric, m money);
INSERT INTO numbers VALUES
	(1, true, 32767, 2147483647, 9223372036854775807, 4294967295, '4294967295', 3.4028235e38, 1.7976931348623157e308, 12345678901234567890.1234567890, 1234.56),
	(2, false, -32768, -2147483648, -9223372036854775808, 0, '3', -1e-45, 5e-324, -0.00, -0.01),
	(3, false, 0, 0, 0, 1, '0', 0, 0, 0, 0),
	(4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(5, true, 1, -1, 1, 1, '1', 'NaN', 'NaN', 'NaN', 1),
	(6, true, 1, 1, 1, 1, '1', 'Infinity', '-Infinity', 'Infinity', 1),
	(7, true, 1, 1, 1, 1, '1', '-0', '-0', '-Infinity', 1),
	(8, true, 1, 1, 1, 1, '1', 0.1, 0.1, 1e-20, 1);
CREATE TABLE texts (id int PRIMARY KEY, t text, v varchar(5), c char(4), n name, x xml, j json, jb jsonb, y bytea, u uuid);
INSERT INTO texts VALUES
	(1, '', '', '', '', '<a/>', '{"a" : 1}', '{"b" : [1.50, null]}', '', '00000000-0000-0000-0000-000000000000'),
	(2, E'tab\tquote"back\\slash\nline', 'größe', 'ab', repeat('n', 63)::name, 'text', '"s"', '"s"', '\x00ff80', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
	(3, 'ü' || U&'\+01F600', NULL, 'abcd', 'x', NULL, 'null', 'null', '\x27', NULL);
CREATE TABLE times (id int PRIMARY KEY, d date, t time, ts timestamp, tz timestamptz, i interval, tt timetz);
INSERT INTO times VALUES
	(1, '1970-01-01', '00:00', '1970-01-01', '1970-01-01 00:00+00', '0', '00:00+00'),
	(2, '2024-02-29', '23:59:59.999999', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+02', '1 year 2 mons -3 days 04:05:06.7', '12:00:00.5+05:30'),
	(3, 'infinity', '24:00', 'infinity', 'infinity', '-1 mon 1 day -1 us', '24:00-12'),
	(4, '-infinity', '00:00:00.000001', '-infinity', '-infinity', '178000000 years', '00:00+15:59'),
	(5, '5874897-12-31', '12:00', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '-178000000 years', NULL),
	(6, '4714-11-24 BC', '12:00', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC', '1 us', NULL),
	(7, '0044-03-15 BC', '12:00', '0044-03-15 10:00 BC', '1969-12-31 23:59:59.999999+00', '2147483647 days', NULL);
CREATE TABLE arrays (id int PRIMARY KEY, i int[], b bool[], f float8[], t text[], n numeric[], d date[], tz timestamptz[], iv interval[], u uuid[], j jsonb[], y bytea[], v int2vector, net inet[]);
INSERT INTO arrays VALUES
	(1, '{1,2,3}', '{t,f}', '{0.1,NaN}', '{a,"",NULL,"NULL"}', '{1.50,NULL}', '{2024-01-01,infinity}', '{2024-01-01 00:00+00}', '{1 day,NULL}', '{00000000-0000-0000-0000-000000000001}', '{"{\"a\": 1}"}', '{"\\x00"}', '1 2', '{10.0.0.1}'),
	(2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', '{}'),
	(3, '{NULL,NULL}', '{NULL}', NULL, '{NULL}', NULL, NULL, NULL, NULL, NULL, '{NULL}', '{NULL}', NULL, '{NULL}'),
	(4, '{{1,2},{3,NULL}}', '[0:1]={t,f}', '[-2:-1][3:3]={{1},{2}}', '{{{a}}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(5, (SELECT array_agg(g) FROM generate_series(1, 40) g), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'ok';
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN very_positive AS positive CHECK (VALUE > 10);
CREATE DOMAIN list AS int[];
CREATE DOMAIN feeling AS mood;
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TABLE own (id very_positive PRIMARY KEY, m mood, ma mood[], l list, la list[], f feeling, fa feeling[], p pair, pa pair[], s span);
INSERT INTO own VALUES
	(11, 'sad', '{happy,NULL,so-so}', '{1,2}', ARRAY['{1,2}'::list, '{3}'::list], 'ok', '{ok,sad}', (1, 'a b'), ARRAY[(1, NULL)::pair], '[1.5,2]'),
	(12, NULL, '{}', '{}', '{}', 'happy', NULL, (NULL, ''), NULL, 'empty');
CREATE TABLE others (id int PRIMARY KEY, i inet, c cidr, m macaddr, bi bit(3), vb varbit, p point, bx box, r int4range, tr tstzrange, ts tsvector, rc regclass, ch "char", ti tid, x8 xid8, lsn pg_lsn);
INSERT INTO others VALUES (1, '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '101', '1', '(0.1,2)', '(1,1),(0,0)', '[1,5)', '[2024-01-01 00:00+00,)', 'a:1 b:2', 'numbers', 'x', '(0,1)', '7', '0/16');
-- the descriptions, each once, and then the rows
SELECT pg_temp.changes('types');
SELECT pg_drop_replication_slot('types');
DROP TABLE numbers, texts, times, arrays, own, others;
DROP TYPE span, pair;
DROP DOMAIN feeling, list, very_positive, positive;
DROP TYPE mood;
DROP EXTENSION pg_fanout;
