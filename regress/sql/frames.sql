-- Frames: many records to one write, none across a commit.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('frames');
CREATE TABLE fr (id int PRIMARY KEY, t text);
CREATE FUNCTION frames(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (frames bigint, small bool, full_ bool) LANGUAGE sql AS $$
	-- all but a transaction's last are full, and a full one is not much more
	SELECT count(*), bool_and(length(data) < 70000), bool_or(length(data) >= 65536)
	FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, VARIADIC options)
$$;
INSERT INTO fr SELECT g, repeat('x', 50) FROM generate_series(1, 10000) g;
SELECT * FROM frames();
SELECT frames FROM frames('batch_bytes', '1MB');
SELECT frames BETWEEN 500 AND 1200 FROM frames('batch_bytes', '1kB');
-- the same records whatever the size of the frames
SELECT a = b FROM (SELECT md5(string_agg(record::text, ',')) FROM fanout.peek('frames')) x(a),
	(SELECT md5(string_agg(record::text, ',')) FROM fanout.peek('frames', NULL, NULL, 'batch_bytes', '1kB')) y(b);
-- a frame's position is its last record's
SELECT count(*) FROM (SELECT lsn, lag(lsn) OVER () > lsn AS back FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL)) s WHERE back;
-- one per commit, however small
SELECT 'next' FROM pg_replication_slot_advance('frames', pg_current_wal_lsn());
INSERT INTO fr VALUES (-1, 'a');
INSERT INTO fr VALUES (-2, 'b');
INSERT INTO fr VALUES (-3, 'c');
SELECT frames FROM frames();
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('frames', NULL, 2);
-- large values, small frames before and after, lengths at which prefixes grow
SELECT 'next' FROM pg_replication_slot_advance('frames', pg_current_wal_lsn());
BEGIN;
INSERT INTO fr VALUES (-4, 'before');
INSERT INTO fr VALUES (-5, (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 100000) g));
INSERT INTO fr VALUES (-6, 'after');
INSERT INTO fr SELECT -n, repeat('x', n) FROM unnest(ARRAY[90, 100, 110, 115, 120, 125, 126, 127, 128, 129, 16200, 16350, 16380, 16381, 16383, 16384, 16385, 2097100, 2097151, 2097152]) n;
COMMIT;
SELECT frames FROM frames();
SELECT string_agg(length(record->'after'->>'t')::text, ' ') FROM fanout.peek('frames') WHERE record->>'kind' = 'change';
SELECT record->'after'->>'t' = t FROM fanout.get('frames'), fr WHERE record->'after'->>'id' = '-5' AND id = -5;
SELECT pg_drop_replication_slot('frames');
DROP TABLE fr;
DROP FUNCTION frames;
DROP EXTENSION pg_fanout;
