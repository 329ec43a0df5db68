-- TRUNCATE and logical messages.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('control');
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent, s serial);
CREATE TABLE alone (id int);
TRUNCATE alone;
TRUNCATE alone, child RESTART IDENTITY;
TRUNCATE parent CASCADE;
-- changes after it in the same transaction
BEGIN;
INSERT INTO alone VALUES (1);
TRUNCATE alone;
INSERT INTO alone VALUES (2);
COMMIT;
-- not logged: not seen
CREATE UNLOGGED TABLE unlogged (id int);
CREATE TEMP TABLE temporary (id int);
INSERT INTO unlogged VALUES (1);
INSERT INTO temporary VALUES (1);
TRUNCATE unlogged, temporary;
CREATE MATERIALIZED VIEW mat AS SELECT * FROM alone;
REFRESH MATERIALIZED VIEW mat;
SELECT pg_temp.changes('control');
-- messages only when asked for; those outside of a transaction at once
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(true, 'in', 'one');
SELECT 'sent' FROM pg_logical_emit_message(false, 'out', 'two');
SELECT 'sent' FROM pg_logical_emit_message(true, '', '');
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', '\x00ff'::bytea);
COMMIT;
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(true, 'gone', 'with the transaction');
SELECT 'sent' FROM pg_logical_emit_message(false, 'stays', 'for ever');
ROLLBACK;
CREATE TEMP TABLE flush AS SELECT 1;
SELECT pg_temp.shown(record) FROM fanout.peek('control', NULL, NULL, 'messages', 'off');
SELECT pg_temp.changes('control', 'messages', 'on');
SELECT pg_drop_replication_slot('control');
DROP MATERIALIZED VIEW mat;
DROP TABLE parent, child, alone, unlogged, temporary, flush;
DROP EXTENSION pg_fanout;
