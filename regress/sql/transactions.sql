-- Transactions: empty ones, savepoints, definition and data mixed, rewrites.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('txn');
-- nothing of these reaches the wire
BEGIN;
COMMIT;
CREATE TABLE txn (id int PRIMARY KEY, t text);
CREATE VIEW txn_view AS SELECT * FROM txn;
BEGIN;
INSERT INTO txn VALUES (0, 'rolled back');
ROLLBACK;
UPDATE txn SET t = 'no row';
VACUUM txn;
SELECT count(*) FROM pg_logical_slot_get_binary_changes('txn', NULL, NULL, 'messages', 'on');
-- one record of each end, and the count between
BEGIN;
INSERT INTO txn VALUES (1, 'a'), (2, 'b');
SELECT 'sent' FROM pg_logical_emit_message(true, 'p', 'm');
SELECT 'sent' FROM pg_logical_emit_message(false, 'p', 'not counted');
TRUNCATE txn;
COMMIT;
SELECT record->>'kind', record->>'records' FROM fanout.get('txn', NULL, NULL, 'messages', 'on');
-- begin and commit say the same, and where to go on
BEGIN;
INSERT INTO txn VALUES (1, 'a');
COMMIT;
SELECT b->'xid' = c->'xid', b->'commit_lsn' = c->'commit_lsn', b->'commit_time' = c->'commit_time',
	(c->>'end_lsn')::pg_lsn > (c->>'commit_lsn')::pg_lsn
FROM (SELECT jsonb_path_query_first(r, '$[*] ? (@.kind == "begin")') b, jsonb_path_query_first(r, '$[*] ? (@.kind == "commit")') c
	FROM (SELECT jsonb_agg(record) r FROM fanout.peek('txn')) s) t;
SELECT 'confirmed' FROM (SELECT max((record->>'end_lsn')::pg_lsn) e FROM fanout.peek('txn') WHERE record->>'kind' = 'commit') s,
	LATERAL pg_replication_slot_advance('txn', e);
SELECT pg_temp.rows('txn');
-- savepoints
BEGIN;
INSERT INTO txn VALUES (10, 'kept');
SAVEPOINT a;
INSERT INTO txn VALUES (11, 'lost');
SAVEPOINT b;
INSERT INTO txn VALUES (12, 'lost');
RELEASE b;
ROLLBACK TO a;
INSERT INTO txn VALUES (13, 'kept');
SAVEPOINT c;
INSERT INTO txn VALUES (14, 'kept');
RELEASE c;
COMMIT;
DO $$ BEGIN
	FOR i IN 20..25 LOOP
		BEGIN
			INSERT INTO txn VALUES (i, 'loop');
			IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
SELECT pg_temp.rows('txn');
-- definition and data in one transaction; the rewrite's copies are not changes
BEGIN;
CREATE TABLE made (id int PRIMARY KEY, n text);
INSERT INTO made VALUES (1, '1');
ALTER TABLE made ALTER n TYPE int USING n::int;
INSERT INTO made VALUES (2, 2);
ALTER TABLE made ADD r float8 DEFAULT random();
INSERT INTO made VALUES (3, 3, 0);
ALTER TABLE made DROP n;
UPDATE made SET id = 4 WHERE id = 3;
DELETE FROM made WHERE id = 4;
DROP TABLE made;
COMMIT;
CLUSTER txn USING txn_pkey;
VACUUM FULL txn;
SELECT pg_temp.rows('txn');
-- upserts and moves
INSERT INTO txn VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET t = 'upsert';
INSERT INTO txn VALUES (1, 'x') ON CONFLICT DO NOTHING;
COPY txn FROM stdin;
30	copy
31	\N
\.
WITH gone AS (DELETE FROM txn WHERE id > 30 RETURNING *) INSERT INTO txn SELECT id + 100, t FROM gone;
SELECT pg_temp.rows('txn');
SELECT pg_drop_replication_slot('txn');
DROP VIEW txn_view;
DROP TABLE txn;
DROP EXTENSION pg_fanout;
