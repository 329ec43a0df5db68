-- Transactions larger than logical_decoding_work_mem, streamed while open.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('stream');
CREATE TABLE st (id int PRIMARY KEY, t text);
CREATE TABLE other (id int);
-- A stream taken together as a reader does: what is left of it, by table.
-- subxid shows only where it is not xid.
CREATE FUNCTION pg_temp.left_of(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (kind text, name text, count bigint, first text, last text) LANGUAGE sql AS $$
	WITH r AS MATERIALIZED (SELECT row_number() OVER () n, record, record->>'xid' xid, record->>'subxid' subxid
		FROM fanout.get('stream', NULL, NULL, VARIADIC options)),
	aborted AS (SELECT n, xid, subxid FROM r WHERE record->>'kind' = 'stream_abort')
	SELECT r.record->>'kind', COALESCE(r.record->>'table', r.record->>'prefix'), count(*), min(r.record->'after'->>'id'), max(r.record->'after'->>'id')
	FROM r WHERE r.record->>'kind' IN ('change', 'message')
	AND NOT EXISTS (SELECT FROM aborted a WHERE a.n > r.n AND a.xid = r.xid AND a.subxid IN (r.subxid, r.xid))
	GROUP BY 1, 2 ORDER BY 1, 2
$$;
CREATE FUNCTION pg_temp.kinds(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT DISTINCT record->>'kind' FROM fanout.peek('stream', NULL, NULL, VARIADIC options) ORDER BY 1
$$;
BEGIN;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(10000, 10999) g;
SAVEPOINT a;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(20000, 20999) g;
SELECT 'sent' FROM pg_logical_emit_message(true, 'aborted', 'm');
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(21000, 21999) g;
ROLLBACK TO a;
SAVEPOINT b;
INSERT INTO other SELECT generate_series(1, 1500);
SELECT 'sent' FROM pg_logical_emit_message(true, 'lost', 'm');
SAVEPOINT c;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(30000, 30999) g;
RELEASE c;
ROLLBACK TO b;
SAVEPOINT d;
SELECT 'sent' FROM pg_logical_emit_message(true, 'kept', 'm');
RELEASE d;
UPDATE st SET t = 'y' WHERE id < 10010;
COMMIT;
SELECT pg_temp.kinds('messages', 'on');
SELECT pg_temp.kinds('messages', 'on', 'streaming', 'on');
SELECT * FROM pg_temp.left_of('messages', 'on', 'streaming', 'on');
-- definitions in the stream belong to it
BEGIN;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(40000, 40999) g;
ALTER TABLE st ADD n int DEFAULT 5;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(41000, 41999) g;
SAVEPOINT a;
ALTER TABLE st RENAME n TO m;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(42000, 42999) g;
ROLLBACK TO a;
INSERT INTO st SELECT g, repeat('x', 50), 6 FROM generate_series(43000, 43999) g;
COMMIT;
INSERT INTO st VALUES (50000, 'after', 7);
SELECT record->>'kind', jsonb_path_query_array(record, '$.columns[*].name') FROM fanout.peek('stream', NULL, NULL, 'streaming', 'on') WHERE record->>'kind' = 'table';
SELECT * FROM pg_temp.left_of('streaming', 'on');
-- a rolled back one, and one of which no change is published
BEGIN;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(60000, 61999) g;
ROLLBACK;
CREATE PUBLICATION p_other FOR TABLE other;
SELECT 'next' FROM pg_replication_slot_advance('stream', pg_current_wal_lsn());
BEGIN;
INSERT INTO st SELECT g, repeat('x', 50) FROM generate_series(70000, 71999) g;
COMMIT;
INSERT INTO other VALUES (1);
SELECT pg_temp.changes('stream', 'streaming', 'on', 'publication_names', 'p_other');
-- subtransactions of any number, every third gone
DO $$ BEGIN
	FOR i IN 80000..82999 LOOP
		BEGIN
			INSERT INTO st VALUES (i, repeat('x', 50));
			IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
SELECT pg_temp.kinds();
SELECT * FROM pg_temp.left_of('streaming', 'on');
SELECT count(*) FROM st WHERE id BETWEEN 80000 AND 82999;
-- aborted already when it is read: the catalog access in the middle of a row
-- fails, what was written of the row is taken back, and the session goes on
INSERT INTO other VALUES (10);
BEGIN;
INSERT INTO other VALUES (11);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE made (id int, t text, p pair);
INSERT INTO other VALUES (12);
INSERT INTO made SELECT g, repeat('x', 50), ROW(g, 'y')::pair FROM generate_series(1, 1000) g;
INSERT INTO other VALUES (13);
ROLLBACK;
INSERT INTO other VALUES (14);
BEGIN;
CREATE TYPE pair AS (a int);
CREATE TABLE made (id int, t text, p pair);
INSERT INTO made SELECT g, repeat('x', 50), ROW(g)::pair FROM generate_series(1, 1000) g;
SAVEPOINT a;
ALTER TYPE pair ADD ATTRIBUTE b text;
INSERT INTO made SELECT g, repeat('x', 50), ROW(g, 'lost')::pair FROM generate_series(2001, 3000) g;
ROLLBACK TO a;
INSERT INTO made SELECT g, repeat('x', 50), ROW(g)::pair FROM generate_series(4001, 5000) g;
COMMIT;
INSERT INTO other VALUES (15);
SELECT * FROM pg_temp.left_of('streaming', 'on');
SELECT pg_drop_replication_slot('stream');
DROP PUBLICATION p_other;
DROP TABLE st, other, made;
DROP TYPE pair;
DROP EXTENSION pg_fanout;
