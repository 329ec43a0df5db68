-- Many values of each type, spread over its range, the same in every run.
CREATE FUNCTION bits(g int, salt text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || substr(md5(salt || g), 1, 16))::bit(64)::bigint $$;
-- not negative, below the limit
CREATE FUNCTION pick(g int, salt text, below bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT (bits(g, salt) & 9223372036854775807) % below $$;
CREATE FUNCTION digits(g int, salt text, count bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT substr(translate(string_agg(md5(salt || g || i), ''), 'abcdef', '012345'), 1, count::int) FROM generate_series(0, count / 32) i $$;
-- what arrays, composites and JSON have to quote, and more
CREATE FUNCTION words(g int, salt text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(string_agg((ARRAY['"', '\', '{', '}', ',', ';', ' ', E'\t', E'\n', E'\r', '(', ')', '''', 'a', 'B', 'NULL', 'null', 'ü', '€', '😀', '[', ']', ':', '=', '0', 'x'])[1 + pick(g, salt || i, 26)], ''), '')
	FROM generate_series(1, pick(g, salt, 7)) i $$;
CREATE TYPE pair AS (a text, b text);
CREATE TABLE integers (id int PRIMARY KEY, i2 int2, i4 int4, i8 int8, o oid, x xid, b bool, m money, u uuid, y bytea, x8 xid8, n pg_lsn);
CREATE TABLE floats (id int PRIMARY KEY, f4 float4, f8 float8, n numeric, f4a float4[], f8a float8[], na numeric[]);
CREATE TABLE times (id int PRIMARY KEY, d date, t time, ts timestamp, tz timestamptz, i interval, tt timetz, da date[], tsa timestamp[], tza timestamptz[], ia interval[]);
CREATE TABLE texts (id int PRIMARY KEY, t text, ta text[], p pair, pa pair[], j json, jb jsonb, jba jsonb[], ya bytea[], two text[], ca "char"[], va varchar[]);
CREATE TABLE ranges (id int PRIMARY KEY, r int8range, tr tstzrange, ra int4range[], i inet, po point, pg polygon, ba box[], v varbit, ts tsvector);
-- workload

-- test: integers and bytes
INSERT INTO integers SELECT g, bits(g, 'a')::bit(16)::int - 32768, bits(g, 'b')::bit(32)::int, bits(g, 'c') >> pick(g, 'c', 64)::int, pick(g, 'd', 4294967296)::oid, pick(g, 'e', 4294967296)::text::xid, g % 2 = 0, (bits(g, 'f') >> pick(g, 'f', 64)::int)::numeric / 100, md5('u' || g)::uuid, decode(left(md5('y' || g), pick(g, 'y', 17)::int * 2), 'hex'), (bits(g, 'x') & 9223372036854775807)::text::xid8, '0/0'::pg_lsn + pick(g, 'n', 9223372036854775807) FROM generate_series(1, 4000) g;

-- test: floats and numerics
INSERT INTO floats SELECT g, (bits(g, 'a')::float8 / 2::float8 ^ 63 * 10::float8 ^ (pick(g, 'b', 70) - 35))::float4, bits(g, 'c')::float8 / 2::float8 ^ 63 * 10::float8 ^ (pick(g, 'd', 600) - 300), (CASE WHEN g % 2 = 0 THEN '-' ELSE '' END || digits(g, 'n', 1 + pick(g, 'n', 60)) || '.' || digits(g, 'm', 1 + pick(g, 'm', 40)))::numeric,
	ARRAY[g / 7.0, NULL, -g / 3.0]::float4[], ARRAY[[g / 7.0, 1], [sqrt(g), NULL]]::float8[], ARRAY[digits(g, 'o', 9)::numeric / 1000, NULL] FROM generate_series(1, 4000) g;

-- test: dates and times
INSERT INTO times SELECT g, date '4714-11-24 BC' + pick(g, 'd', 2147483494)::int, time '00:00' + pick(g, 't', 86400000000) * interval '1 us', timestamp '4714-11-24 00:00 BC' + pick(g, 's', 109203527) * interval '1 day' + pick(g, 'u', 86400000000) * interval '1 us', timestamptz '4714-11-24 00:00+00 BC' + pick(g, 'z', 2500000) * interval '24 hours' + pick(g, 'v', 86400000) * interval '1 ms',
	make_interval(years => (pick(g, 'y', 2001) - 1000)::int, months => (pick(g, 'm', 201) - 100)::int, days => bits(g, 'w')::bit(32)::int >> pick(g, 'w', 32)::int) + ((bits(g, 'i') >> (1 + pick(g, 'i', 63)::int)) * interval '1 us'), (time '00:00' + pick(g, 'q', 86400) * interval '1 s')::timetz,
	ARRAY[date '1970-01-01' + (pick(g, 'e', 2000000) - 800000)::int, NULL], ARRAY[timestamp '1970-01-01' + (pick(g, 'f', 2000000) - 800000) * interval '1.000001 day', 'infinity'], ARRAY[timestamptz '1970-01-01 00:00+00' + (pick(g, 'g', 2000000) - 800000) * interval '24 hours'], ARRAY[make_interval(months => (pick(g, 'h', 49) - 24)::int, days => (pick(g, 'k', 7) - 3)::int, secs => (pick(g, 'l', 19999) - 9999) / 100.0)] FROM generate_series(1, 4000) g;

-- test: texts, and what holds them
INSERT INTO texts SELECT g, words(g, 'a'), ARRAY[words(g, 'b'), NULL, words(g, 'c'), words(g, 'd')], ROW(words(g, 'e'), nullif(words(g, 'f'), ''))::pair, ARRAY[ROW(words(g, 'g'), NULL)::pair, NULL, ROW(words(g, 'h'), words(g, 'i'))::pair], to_json(words(g, 'j')), jsonb_build_object(words(g, 'k'), words(g, 'l'), 'n', digits(g, 'n', 5)::numeric / 100), ARRAY[to_jsonb(words(g, 'm')), 'null', NULL], ARRAY[convert_to(words(g, 'n'), 'UTF8'), decode(md5('o' || g), 'hex')], ARRAY[ARRAY[words(g, 'p'), words(g, 'q')], ARRAY[NULL, words(g, 'r')]], string_to_array(left(md5('s' || g), 3), NULL)::"char"[], ARRAY[words(g, 't'), words(g, 'u')] FROM generate_series(1, 2000) g;

-- test: ranges and others that go as text
INSERT INTO ranges SELECT g, int8range(bits(g, 'a') >> 8, (bits(g, 'a') >> 8) + pick(g, 'b', 1000000)), tstzrange(timestamptz '2000-01-01 00:00+00' + g * interval '7.77 hours', NULL), ARRAY[int4range(g, g + 1), NULL, 'empty'], ('10.' || g % 256 || '.' || g / 256 || '.1/' || 1 + g % 32)::inet, point(g / 7.0, -g / 3.0), polygon(box(point(0, 0), point(g / 3.0, g))), ARRAY[box(point(g, 1.5), point(0, 0)), NULL, box(point(-g / 7.0, 0), point(1, 1))], bits(g, 'v')::bit(64)::varbit(64), to_tsvector('simple', words(g, 'w')) FROM generate_series(1, 2000) g;
UPDATE ranges SET v = NULL;
