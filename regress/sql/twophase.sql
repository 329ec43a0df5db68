-- Prepared transactions: rows once, at the commit, unless the slot was created
-- for two-phase decoding.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('onephase');
SELECT 'created' FROM pg_create_logical_replication_slot('twophase', 'pg_fanout', false, true);
CREATE TABLE tp (id int PRIMARY KEY);
BEGIN;
INSERT INTO tp VALUES (1);
PREPARE TRANSACTION 'first';
SELECT pg_temp.changes('onephase');
SELECT pg_temp.changes('twophase');
COMMIT PREPARED 'first';
SELECT pg_temp.changes('onephase');
SELECT pg_temp.changes('twophase');
BEGIN;
INSERT INTO tp VALUES (2);
SAVEPOINT s;
INSERT INTO tp VALUES (3);
ROLLBACK TO s;
PREPARE TRANSACTION 'it''s';
SELECT pg_temp.changes('twophase');
ROLLBACK PREPARED 'it''s';
SELECT pg_temp.changes('onephase');
SELECT pg_temp.changes('twophase');
-- an empty one has to be seen, for its end will be
BEGIN;
CREATE TABLE tp2 (id int);
PREPARE TRANSACTION 'empty';
COMMIT PREPARED 'empty';
SELECT pg_temp.changes('onephase');
SELECT pg_temp.changes('twophase');
-- streamed and prepared
BEGIN;
INSERT INTO tp SELECT generate_series(100, 2000);
PREPARE TRANSACTION 'large';
SELECT record->>'kind', CASE WHEN record->>'kind' LIKE 'stream_st%' THEN (count(*) > 1)::text ELSE count(*)::text END FROM fanout.get('twophase', NULL, NULL, 'streaming', 'on') GROUP BY 1 ORDER BY 1;
COMMIT PREPARED 'large';
SELECT record->>'kind', CASE WHEN record->>'kind' LIKE 'stream_st%' THEN (count(*) > 1)::text ELSE count(*)::text END FROM fanout.get('onephase', NULL, NULL, 'streaming', 'on') GROUP BY 1 ORDER BY 1;
SELECT pg_temp.changes('twophase', 'streaming', 'on');
SELECT pg_drop_replication_slot('onephase');
SELECT pg_drop_replication_slot('twophase');
DROP TABLE tp, tp2;
DROP EXTENSION pg_fanout;
