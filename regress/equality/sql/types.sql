-- Every type that comes with the server, at its extremes, and types made here.

-- test: numbers
CREATE TABLE numbers (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, o oid, x xid, f4 float4, f8 float8, n numeric, m money, n2 numeric(10, 2), x8 xid8, c cid);
INSERT INTO numbers VALUES
	(1, true, 32767, 2147483647, 9223372036854775807, 4294967295, '4294967295', 3.4028235e38, 1.7976931348623157e308, 12345678901234567890.1234567890, 92233720368547758.07, 99999999.99, '18446744073709551615', '4294967295'),
	(2, false, -32768, -2147483648, -9223372036854775808, 0, '3', -1e-45, 5e-324, -0.00, -92233720368547758.08, -0.01, '0', '0'),
	(3, false, 0, 0, 0, 2147483648, '0', 0, 0, 0, 0, 0, '1', '1'),
	(4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(5, true, 1, -1, 9007199254740993, 1, '1', 'NaN', 'NaN', 'NaN', 1, 'NaN', '7', '1'),
	(6, true, 1, 1, -9007199254740993, 1, '1', 'Infinity', '-Infinity', 'Infinity', 1, 1, '7', '1'),
	(7, true, 1, 1, 1, 1, '1', '-0', '-0', '-Infinity', -0.01, 1.1, '7', '1'),
	(8, true, 1, 1, 1, 1, '1', 0.1, 0.1, 1e-20, 1234567.89, 1.10, '7', '1'),
	(9, true, 1, 1, 1, 1, '1', '-Infinity', 'Infinity', 1.10, 1, 1, '7', '1'),
	(10, true, 1, 1, 1, 1, '1', 1e15, 1e15, 1e30, 1, 1, '7', '1'),
	(11, true, 1, 1, 1, 1, '1', 123456789, 0.30000000000000004, 100, 1, 1, '7', '1'),
	(12, true, 1, 1, 1, 1, '1', 1.17549435e-38, 2.2250738585072014e-308, -1, 1, 1, '7', '1');
INSERT INTO numbers (id, f4, f8)
	SELECT 100 + g, ((g * 7919) % 1000003)::float4 / (g % 97 + 1), ((g * 104729) % 1000003)::float8 / (g % 89 + 1) * 10::float8 ^ (g % 600 - 300)
	FROM generate_series(1, 600) g;

-- test: numerics of all sizes
CREATE TABLE big (id int PRIMARY KEY, n numeric);
INSERT INTO big VALUES (1, repeat('9', 131072)::numeric), (2, ('-' || repeat('9', 131072) || '.' || repeat('9', 16383))::numeric), (3, ('0.' || repeat('0', 16382) || '1')::numeric), (4, 1e131071), (5, '1.000000'), (6, '-0.10');
SELECT current_setting('server_version_num')::int >= 150000 AS negative_scale \gset
\if :negative_scale
CREATE TABLE scales (id int PRIMARY KEY, a numeric(3, -2), b numeric(3, 5));
INSERT INTO scales VALUES (1, 12345, 0.00123), (2, -99900, -0.00999);
\endif

-- test: texts
CREATE TABLE texts (id int PRIMARY KEY, t text, v varchar(5), c char(4), n name, x xml, j json, jb jsonb, y bytea, u uuid, ch "char", b1 bpchar);
INSERT INTO texts VALUES
	(1, '', '', '', '', '<a/>', '{"a" : 1, "a":2}', '{"b" : [1.50, null]}', '', '00000000-0000-0000-0000-000000000000', '', ''),
	(2, E'tab\tquote"back\\slash\nline\r', 'größe', 'ab', repeat('n', 63)::name, 'text', '"s"', '"s"', '\x00ff80', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'x', 'ab  '),
	(3, 'ü' || U&'\+01F600' || U&'\0001', NULL, 'abcd', 'x', NULL, ' null ', 'null', '\x27', NULL, NULL, 'x'),
	(4, repeat('x', 100000), NULL, 'ü', 'ü', '<?xml version="1.0" encoding="UTF-8"?><a b="c">d</a>', E'[1,\n2]', '{"z": 1, "a": {"b": []}}', '\x5c78', NULL, '\377', NULL),
	(5, 'NULL', 'null', 'NULL', 'NULL', '<!-- c -->', ('[' || repeat('1', 1000) || ']')::json, ('[' || repeat('1', 1000) || '.' || repeat('3', 1000) || ']')::jsonb, decode(repeat('00', 3000), 'hex'), NULL, '\200', 'NULL');

-- test: times
CREATE TABLE times (id int PRIMARY KEY, d date, t time, ts timestamp, tz timestamptz, i interval, tt timetz, t3 time(3), ts0 timestamp(0), i2 interval second(2));
INSERT INTO times VALUES
	(1, '1970-01-01', '00:00', '1970-01-01', '1970-01-01 00:00+00', '0', '00:00+00', '00:00:00.123456', '1970-01-01', '1.234'),
	(2, '2024-02-29', '23:59:59.999999', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+02', '1 year 2 mons -3 days 04:05:06.7', '12:00:00.5+05:30', '23:59:59.9999', '2024-02-29 12:34:56.789', '-1.999'),
	(3, 'infinity', '24:00', 'infinity', 'infinity', '-1 mon 1 day -1 us', '24:00-12', NULL, NULL, NULL),
	(4, '-infinity', '00:00:00.000001', '-infinity', '-infinity', '178000000 years', '00:00+15:59', NULL, NULL, NULL),
	(5, '5874897-12-31', '12:00', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '-178000000 years', '23:59:59.999999-15:59:59', NULL, NULL, NULL),
	(6, '4714-11-24 BC', '12:00', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC', '1 us', NULL, NULL, NULL, NULL),
	(7, '0044-03-15 BC', '12:00', '0044-03-15 10:00 BC', '1969-12-31 23:59:59.999999+00', '2147483647 days', NULL, NULL, NULL, NULL),
	(8, '0001-01-01', '00:00:01', '0001-01-01', '0001-01-01 00:00+00', '-2147483648 days', NULL, NULL, NULL, NULL),
	(9, '0001-12-31 BC', '01:02:03.04', '0001-12-31 23:59:59.999999 BC', '0001-02-29 23:59:59.5+00 BC', '2562047788:00:54.775807', NULL, NULL, NULL, NULL),
	(10, '10000-01-01', '01:02:03.000100', '10000-01-01 01:02:03.1', '99999-12-31 00:00+00', '-2562047788:00:54.775807', NULL, NULL, NULL, NULL),
	(11, '1999-12-31', '01:02:03', '2000-01-01', '1999-12-31 23:59:59.9+00', '-178956970 years -8 mons', NULL, NULL, NULL, NULL),
	(12, '1900-02-28', '01:02:03', '1900-03-01', '1900-03-01 00:00+00', '178956970 years 7 mons 2147483647 days 2562047788:00:54.775807', NULL, NULL, NULL, NULL),
	(13, NULL, NULL, NULL, NULL, '-1 years -2 mons +3 days -04:05:06.789', NULL, NULL, NULL, NULL),
	(14, NULL, NULL, NULL, NULL, '1 mon -1 days +04:00:00', NULL, NULL, NULL, NULL),
	(15, NULL, NULL, NULL, NULL, '-1 days', NULL, NULL, NULL, NULL),
	(16, NULL, NULL, NULL, NULL, '-11 mons', NULL, NULL, NULL, NULL);
INSERT INTO times (id, d, t, ts, tz, i)
	SELECT 100 + g, date '4713-01-01 BC' + g * 7331, time '00:00' + g * interval '43.210987 s', timestamp '4713-01-01 BC' + g * interval '61 days 1.000001 s', timestamptz '1000-01-01 00:00+00' + g * interval '301 days 7.77 s', make_interval(g % 7 - 3, g % 25 - 12, 0, g % 61 - 30, g % 49 - 24, g % 3 - 1, (g % 11 - 5) * 0.000001)
	FROM generate_series(1, 1500) g;
SELECT current_setting('server_version_num')::int >= 170000 AS has_infinity \gset
\if :has_infinity
INSERT INTO times (id, i) VALUES (20, 'infinity'), (21, '-infinity');
\endif

-- test: arrays
CREATE TABLE arrays (id int PRIMARY KEY, i int[], b bool[], f float8[], t text[], n numeric[], d date[], tz timestamptz[], iv interval[], u uuid[], j jsonb[], y bytea[], v int2vector, net inet[], ov oidvector, ti time[], ts timestamp[], f4 float4[], i2 int2[], i8 int8[], o oid[], x xml[], ch "char"[], nm name[], bc char(3)[], mo money[], bx box[], pt point[], r int4range[], js json[], tt timetz[]);
INSERT INTO arrays VALUES
	(1, '{1,2,3}', '{t,f}', '{0.1,NaN}', '{a,"",NULL,"NULL",null,nUlL}', '{1.50,NULL}', '{2024-01-01,infinity}', '{2024-01-01 00:00+00}', '{1 day,NULL}', '{00000000-0000-0000-0000-000000000001}', '{"{\"a\": 1}"}', '{"\\x00"}', '1 2', '{10.0.0.1}', '1 4294967295', '{24:00,00:00:00.1}', '{"0044-03-15 10:00 BC",-infinity}', '{1.5,-0}', '{-32768}', '{9223372036854775807}', '{4294967295}', '{"<a b=\"c\"/>"}', '{x,"\\200"}', '{n}', '{a,"b,c"}', '{"$1,234.56"}', '{(1,1),(0,0);(2,2),(1,1)}', '{"(1,2)"}', '{"[1,5)",empty}', '{"{\"a\" : 1}",null}', '{12:00+02}'),
	(2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', '{}', '', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
	(3, '{NULL,NULL}', '{NULL}', NULL, '{NULL}', NULL, NULL, NULL, NULL, NULL, '{NULL}', '{NULL}', NULL, '{NULL}', NULL, '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}'),
	(4, '{{1,2},{3,NULL}}', '[0:1]={t,f}', '[-2:-1][3:3]={{1},{2}}', '{{{a}}}', '[5:5]={1}', '[-2147483647:-2147483646]={2024-01-01,NULL}', '{{2024-01-01 00:00+00,NULL}}', '{{1 day},{NULL}}', '[3:3]={00000000-0000-0000-0000-000000000001}', '{{1}}', '{{"\\x01"},{"\\x"}}', NULL, '[0:0]={::1}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[2:3]={(1,1),(0,0);(2,2),(1,1)}', NULL, NULL, NULL, NULL),
	(5, (SELECT array_agg(g) FROM generate_series(1, 40) g), NULL, NULL, ARRAY[E'a"b', E'a\\b', '{', '}', ',', ' ', E'\t', E'\n', 'a b', 'ü', '""', E'\\', E'\\"', ' x '], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(6, (SELECT array_agg(nullif(g % 5, 0)) FROM generate_series(1, 20000) g), NULL, (SELECT array_agg(g / 7.0) FROM generate_series(1, 3000) g), (SELECT array_agg(nullif(repeat('"', g % 300), '')) FROM generate_series(0, 700) g), NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[decode(repeat('ab', 20000), 'hex')], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(7, '{{{{{{1,2},{3,4}}}}}}', NULL, NULL, '{{{{{{a}}}}}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{{(1,1),(0,0)};{NULL}}', NULL, NULL, NULL, NULL);

-- test: types of one's own
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'so,so', 'with "quotes"', 'ümläut', '');
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'ok';
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN very_positive AS positive CHECK (VALUE > 10);
CREATE DOMAIN list AS int[];
CREATE DOMAIN boxes AS box[];
CREATE DOMAIN feeling AS mood;
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nested AS (p pair, q pair[], t timestamptz, y bytea);
CREATE DOMAIN small_pair AS pair CHECK ((VALUE).a < 100);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TABLE own (id very_positive PRIMARY KEY, m mood, ma mood[], l list, la list[], f feeling, fa feeling[], p pair, pa pair[], s span, sa span[], vp very_positive[], b boxes, ba boxes[], ne nested, sp small_pair);
INSERT INTO own VALUES
	(11, 'sad', '{happy,NULL,"so,so"}', '{1,2}', ARRAY['{1,2}'::list, '{3}'::list], 'ok', '{ok,sad}', (1, 'a b'), ARRAY[(1, NULL)::pair, (2, 'a"b,\c')::pair], '[1.5,2]', '{"[1,2)",NULL,empty}', '{11,12}', '{(1,1),(0,0);(2,2),(1,1)}', ARRAY['{(1,1),(0,0)}'::boxes, '{(2,2),(1,1);(3,3),(1,1)}'::boxes], ROW(ROW(1, 'x')::pair, ARRAY[ROW(2, 'y z')::pair], '2024-01-01 00:00+00', '\x00ff')::nested, (1, 'q')),
	(12, NULL, '{}', '{}', '{}', 'happy', NULL, (NULL, ''), NULL, 'empty', '{}', NULL, '{}', '{}', NULL, NULL),
	(13, 'with "quotes"', '{"with \"quotes\"","",ümläut}', '[2:2]={1}', NULL, '', NULL, NULL, '{NULL}', '(,)', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO own (id, m, ma) VALUES (14, 'so-so', '{so-so,sad}');

-- test: types that go as text
CREATE TABLE others (id int PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8, bi bit(3), b0 bit varying(5), vb varbit, p point, l line, ls lseg, bx box, pth path, pg polygon, ci circle, r int4range, r8 int8range, nr numrange, dr daterange, sr tsrange, tr tstzrange, ts tsvector, tq tsquery, rc regclass, rt regtype, rp regprocedure, rn regnamespace, ch "char", ti tid, x8 xid8, lsn pg_lsn, sn pg_snapshot, jp jsonpath, rol regrole, ac aclitem);
INSERT INTO others VALUES
	(1, '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '101', '1', '', '(0.1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '<(0,0),1.5>', '[1,5)', '(,9223372036854775807)', '[0.10,1.5]', '[2024-01-01,infinity)', '[2024-01-01 00:00,)', '[2024-01-01 00:00+00,)', 'a:1 b:2A ''x y'':3', 'a & !b:* | ''c d''', 'numbers', 'int8', 'abs(int4)', 'public', 'x', '(0,1)', '7', '0/16', '10:20:10,14,15', '$."a"[*] ? (@ > 1)', 'postgres', 'postgres=r/postgres'),
	(2, '::1', '::/0', NULL, NULL, '000', '', '10101', '(Infinity,-0)', NULL, NULL, NULL, '((0,0),(1,1))', NULL, NULL, 'empty', 'empty', '(,)', '(,)', 'empty', '(-infinity,infinity)', '', '', 'pg_class', 'text[]', NULL, NULL, '', '(4294967295,65535)', '18446744073709551615', 'FFFFFFFF/FFFFFFFF', NULL, 'strict $', NULL, NULL);
SELECT current_setting('server_version_num')::int >= 140000 AS has_multirange \gset
\if :has_multirange
CREATE TABLE multi (id int PRIMARY KEY, a int4multirange, b nummultirange[], c tstzmultirange);
INSERT INTO multi VALUES (1, '{[1,3),[5,7)}', '{"{}","{[1,2),[3,)}"}', '{[2024-01-01 00:00+00,2024-02-01 00:00+00)}'), (2, '{}', '{}', '{(,)}');
\endif
CREATE TABLE empty_bits (id int PRIMARY KEY, b varbit);
INSERT INTO empty_bits VALUES (1, B''), (2, NULL);

-- test: types of extensions
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE EXTENSION isn;
CREATE EXTENSION cube;
CREATE EXTENSION seg;
CREATE EXTENSION intarray;
CREATE TABLE extensions (id citext PRIMARY KEY, h hstore, l ltree, lq lquery, i isbn, c cube, s seg, ha hstore[], ca citext[], la ltree[], q query_int);
INSERT INTO extensions VALUES
	('Key', 'a=>1, b=>NULL, "c d"=>"e\"f"', 'Top.Science.Astronomy', '*.A{1,2}', '9780393040029', '(1,2),(3,4)', '1.5 .. 2', '{"\"a\"=>\"1\"",NULL}', '{A,b,"C d"}', '{a.b,c}', '1&2'),
	('', '', '', NULL, NULL, NULL, NULL, '{}', '{}', '{}', NULL);
UPDATE extensions SET h = 'x=>y' WHERE id = 'key';
DELETE FROM extensions WHERE id = 'KEY';

-- test: a base type nobody knows, with a delimiter of its own
CREATE TYPE strange;
CREATE FUNCTION strange_in(cstring) RETURNS strange LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION strange_out(strange) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE strange (INPUT = strange_in, OUTPUT = strange_out, LIKE = text, DELIMITER = ':', CATEGORY = 'U');
CREATE DOMAIN stranger AS strange;
CREATE TABLE strangers (id int PRIMARY KEY, s strange, sa strange[], d stranger, da stranger[]);
INSERT INTO strangers VALUES
	(1, 'a:b,c', '{a,b:"c:d":NULL:"NULL"}', 'x', '{1,2:3}'),
	(2, '', '{}', NULL, '{{a:b}:{c:d}}'),
	(3, NULL, '[0:1]={,:","}', '{}', '{"{":"\\"}');

-- test: tables of every shape
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE all_null (a int, b text);
INSERT INTO all_null VALUES (NULL, NULL);
CREATE TABLE parent (a int PRIMARY KEY, b text);
CREATE TABLE child (c int) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES (2, 'c', 3);
CREATE TABLE typed OF pair (PRIMARY KEY (a));
INSERT INTO typed VALUES (1, 'x');
CREATE TABLE key_of_many (a text, b int, c timestamptz, d numeric, e uuid, f text, PRIMARY KEY (d, a, c));
INSERT INTO key_of_many VALUES ('x', 1, '2024-01-01 00:00+00', 1.10, '00000000-0000-0000-0000-000000000001', 'y');
UPDATE key_of_many SET b = 2;
UPDATE key_of_many SET d = 1.100;
UPDATE key_of_many SET d = 2;
DELETE FROM key_of_many;
CREATE UNLOGGED TABLE unlogged (a int);
INSERT INTO unlogged VALUES (1);
CREATE TEMP TABLE temporary (a int);
INSERT INTO temporary VALUES (1);
