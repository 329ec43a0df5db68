-- The records of a slot as rows.
CREATE EXTENSION pg_fanout;

-- Records without what differs from run to run.
CREATE FUNCTION peek(slot name, VARIADIC options text[] DEFAULT '{}')
RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT record - '{xid,subxid,lsn,commit_lsn,end_lsn,commit_time,oid,version,
        prepare_lsn,prepare_time,prepare_end_lsn,rollback_end_lsn,rollback_time}'::text[]
    FROM fanout.peek(slot, NULL, NULL, VARIADIC options)
$$;

CREATE TABLE account (
    id int PRIMARY KEY, owner text NOT NULL, balance numeric(12,2),
    tags text[], document text, settings jsonb, raw json);
ALTER TABLE account ALTER document SET STORAGE EXTERNAL;
CREATE TABLE entry (id bigint, account int);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE day (day date, mood mood, at timestamptz);
ALTER TABLE day REPLICA IDENTITY FULL;

CREATE PUBLICATION entries FOR TABLE entry;
SELECT 'ready' FROM pg_create_logical_replication_slot('peek', 'pg_fanout');
BEGIN;
INSERT INTO account VALUES
    (1, 'Ada "the first"', 12.50, '{{a,b},{c,NULL}}', repeat('x', 3000), '{"a": [1, {"b": null}]}', '{"z":1, "a":2}');
UPDATE account SET balance = 'NaN' WHERE id = 1;
UPDATE account SET id = 2 WHERE id = 1;
DELETE FROM account WHERE id = 2;
COMMIT;
BEGIN;
INSERT INTO day VALUES ('0044-03-15 BC', 'sad', '2024-01-31 13:00:00.25+01');
UPDATE day SET mood = 'happy', day = 'infinity';
DELETE FROM day;
COMMIT;
-- flushed with the next transaction
SELECT 'sent' FROM pg_logical_emit_message(false, 'raw', '\x00ff'::bytea);
TRUNCATE account, day RESTART IDENTITY CASCADE;
SELECT 'sent' FROM pg_logical_emit_message(true, 'greeting', 'grüezi');

SELECT jsonb_set(peek, '{after,document}', '"..."', false) AS record
FROM peek('peek', 'messages', 'on') WHERE peek->>'kind' <> 'table';
SELECT jsonb_pretty(peek) FROM peek('peek') WHERE peek->>'kind' = 'table';

-- lsn and xid are the record's own; nothing was consumed.
SELECT count(*) AS records, count(DISTINCT xid::text) AS transactions,
    bool_and(lsn <= pg_current_wal_lsn()) AS written,
    bool_and(lsn::text = record->>'lsn') FILTER (WHERE record ? 'lsn') AS lsn_is_own,
    bool_and(xid IS NULL) FILTER (WHERE record->>'prefix' = 'raw') AS outside
FROM fanout.peek('peek', NULL, NULL, 'messages', 'on');
SELECT xid IS NOT NULL AS in_transaction, record->>'kind' AS kind, count(*)
FROM fanout.peek('peek') GROUP BY 1, 2 ORDER BY 1, 2;

-- Options are the plugin's; limits are the server's.
INSERT INTO entry VALUES (9223372036854775807, NULL);
SELECT * FROM peek('peek', 'publication_names', 'entries', 'messages', 'off')
WHERE peek->>'kind' = 'change';
SELECT count(*) < (SELECT count(*) FROM fanout.peek('peek')) AS fewer
FROM fanout.peek('peek', NULL, 1);
SELECT count(*) FROM fanout.peek('peek', '0/1');
SELECT count(*) FROM fanout.peek('peek', NULL, NULL, 'no_such_option', '1');
SELECT count(*) FROM fanout.peek('peek', NULL, NULL, 'messages');
SELECT count(*) FROM fanout.peek(NULL);
SELECT count(*) FROM fanout.peek('missing');
SELECT 'ready' FROM pg_create_logical_replication_slot('other', 'test_decoding');
SELECT count(*) FROM fanout.peek('other');
SELECT 'ready' FROM pg_create_physical_replication_slot('physical');
\set VERBOSITY sqlstate
SELECT count(*) FROM fanout.peek('physical');
\set VERBOSITY default
SELECT 'dropped' FROM pg_drop_replication_slot('other');
SELECT 'dropped' FROM pg_drop_replication_slot('physical');

-- get consumes.
SELECT count(*) > 10 AS many FROM fanout.get('peek');
SELECT count(*) FROM fanout.peek('peek');

-- What json holds and jsonb cannot shows as a string; the rest stays.
INSERT INTO account (id, owner, settings, raw) VALUES
    (1, 'nul', '{"ok": 1}', '{"a": "\u0000"}'),
    (2, 'surrogate', '{"ok": 2}', '"\ud800"'),
    (3, 'number', '{"ok": 3}', '[1e400000]'),
    (4, 'fine', '{"ok": 4}', '{"a": "\\u0000"}');
SELECT peek->'after'->>'owner' AS owner, peek->'after'->'settings' AS settings,
    jsonb_typeof(peek->'after'->'raw'), peek->'after'->'raw' AS raw
FROM peek('peek') WHERE peek->>'op' = 'insert';

-- Later errors, cursors and nested calls leave the session usable.
BEGIN;
SAVEPOINT s;
SELECT count(*) FROM fanout.peek('peek', NULL, NULL, 'batch_bytes', '1');
ROLLBACK TO s;
SELECT count(*) FROM fanout.peek('peek');
COMMIT;
SELECT a.record = b.record AS same
FROM fanout.peek('peek') a JOIN fanout.peek('peek') b USING (lsn)
WHERE a.record->>'kind' = 'begin' AND b.record->>'kind' = 'begin';
SELECT (fanout.peek('peek')).xid IS NOT NULL AS xid LIMIT 1;
SELECT count(*) > 0 AS consumed FROM fanout.get('peek');

-- A table that changed in between: each row by its own description.
BEGIN;
INSERT INTO entry VALUES (1, 1);
ALTER TABLE entry DROP COLUMN account;
ALTER TABLE entry ADD COLUMN note text DEFAULT 'new';
INSERT INTO entry VALUES (2);
COMMIT;
SELECT peek->'after' AS after FROM peek('peek') WHERE peek->>'kind' = 'change';
SELECT count(*) > 0 AS consumed FROM fanout.get('peek');

-- Streamed transactions: blocks, subtransactions, an abort inside.
BEGIN;
INSERT INTO entry SELECT i, 'first ' || i FROM generate_series(1, 1000) i;
SAVEPOINT s;
INSERT INTO entry SELECT i, 'aborted ' || i FROM generate_series(1, 1000) i;
ROLLBACK TO s;
INSERT INTO entry SELECT i, 'last ' || i FROM generate_series(1, 1000) i;
COMMIT;
WITH streamed AS (
    SELECT peek AS record FROM peek('peek', 'streaming', 'on'))
SELECT record->>'kind' AS kind, count(*) > 1 AS many,
    count(*) FILTER (WHERE record->'after'->>'note' LIKE 'last%') AS last
FROM streamed GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM peek('peek') WHERE peek->>'kind' = 'change';
SELECT count(*) > 0 AS consumed FROM fanout.get('peek');
SELECT 'dropped' FROM pg_drop_replication_slot('peek');

-- Two-phase slots show their records, though the relay refuses them.
SELECT 'ready' FROM pg_create_logical_replication_slot('twophase', 'pg_fanout', false, true);
BEGIN;
INSERT INTO entry VALUES (5, 'prepared');
PREPARE TRANSACTION 'pg_fanout_a';
COMMIT PREPARED 'pg_fanout_a';
BEGIN;
INSERT INTO entry VALUES (6, 'given up');
PREPARE TRANSACTION 'pg_fanout_b';
ROLLBACK PREPARED 'pg_fanout_b';
SELECT peek FROM peek('twophase') WHERE peek->>'kind' <> 'table';
SELECT 'dropped' FROM pg_drop_replication_slot('twophase');

DROP TABLE account, entry, day;
DROP TYPE mood;
DROP PUBLICATION entries;
DROP FUNCTION peek;
DROP EXTENSION pg_fanout;
