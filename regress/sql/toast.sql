-- Out-of-line values: sent when they are at hand, else listed as unchanged, and
-- never taken for NULL.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('toast');
CREATE FUNCTION big(seed text) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(md5(seed || g), '') FROM generate_series(1, 200) g $$;
CREATE FUNCTION brief() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(r, '[0-9a-zA-Z+/=]{100,}', '(...)', 'g') FROM pg_temp.rows('toast') r
$$;
CREATE TABLE big (id int PRIMARY KEY, n int, t text, y bytea, j jsonb, a text[]);
ALTER TABLE big ALTER t SET STORAGE EXTERNAL;
INSERT INTO big VALUES (1, 1, big('t'), big('y')::bytea, jsonb_build_object('k', big('j')), ARRAY[big('a')]), (2, 1, NULL, NULL, NULL, NULL);
UPDATE big SET n = 2;
UPDATE big SET t = big('other') WHERE id = 1;
UPDATE big SET t = NULL WHERE id = 1;
UPDATE big SET id = 3 WHERE id = 1;
UPDATE big SET j = j || '{"l": 1}' WHERE id = 3;
DELETE FROM big WHERE id = 3;
SELECT brief();
-- full: the old row has all values, the new one takes the unchanged from it
ALTER TABLE big REPLICA IDENTITY FULL;
INSERT INTO big VALUES (4, 1, big('t'), big('y')::bytea, NULL, NULL);
UPDATE big SET n = 2 WHERE id = 4;
DELETE FROM big WHERE id = 4;
SELECT brief();
-- an out-of-line key
CREATE TABLE bigkey (k text PRIMARY KEY, n int, t text);
ALTER TABLE bigkey ALTER k SET STORAGE EXTERNAL, ALTER t SET STORAGE EXTERNAL;
INSERT INTO bigkey VALUES (repeat('0123456789abcdef', 160), 1, big('t'));
UPDATE bigkey SET n = 2;
DELETE FROM bigkey;
SELECT brief();
-- the value arrives whole
INSERT INTO big (id, t) VALUES (5, big('whole'));
SELECT record->'after'->>'t' = big('whole') FROM fanout.get('toast') WHERE record->>'kind' = 'change';
SELECT pg_drop_replication_slot('toast');
DROP TABLE big, bigkey;
DROP FUNCTION big, brief;
DROP EXTENSION pg_fanout;
