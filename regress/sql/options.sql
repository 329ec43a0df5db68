-- Options: all, their limits, and what is said of wrong ones.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('options');
CREATE TABLE opt (id int PRIMARY KEY);
INSERT INTO opt VALUES (1);
CREATE FUNCTION try(VARIADIC options text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	records int;
	hint text;
BEGIN
	SELECT count(*) INTO records FROM pg_logical_slot_peek_binary_changes('options', NULL, NULL, VARIADIC options);
	RETURN records;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE, SQLERRM, NULLIF(hint, ''));
END $$;
SELECT try();
SELECT try('proto_version', '1', 'origin', 'any', 'messages', 'on', 'streaming', 'off', 'batch_bytes', '64kB');
SELECT try('proto_version', '2');
SELECT try('proto_version', 'one');
SELECT try('nonsense', '1');
SELECT try('messages', 'maybe');
SELECT try('messages', 'true');
SELECT try('messages', '');
SELECT try('streaming', 'parallel');
SELECT try('streaming', 'on');
SELECT try('origin', 'here');
SELECT try('origin', 'NONE');
SELECT try('batch_bytes', '1023');
SELECT try('batch_bytes', '1kB');
SELECT try('batch_bytes', '16MB');
SELECT try('batch_bytes', '17MB');
SELECT try('batch_bytes', '-1');
SELECT try('batch_bytes', 'many');
SELECT try('batch_bytes', '99999999999999999999');
SELECT try('messages', 'on', 'messages', 'off');
SELECT try('publication_names', '');
SELECT try('publication_names', 'a b');
SELECT try('publication_names', '"unclosed');
SELECT try('publication_names', 'missing');
SELECT try('publication_names', 'opt_pub');
-- created too late for what is in the slot
CREATE PUBLICATION opt_pub FOR TABLE opt;
SELECT try('publication_names', 'opt_pub');
SELECT 'gone on' FROM pg_replication_slot_advance('options', pg_current_wal_lsn());
CREATE PUBLICATION "Odd, ""name" FOR TABLE opt;
INSERT INTO opt VALUES (2);
SELECT try('publication_names', 'opt_pub,"Odd, ""name"');
-- binary output does not go through the text functions
SELECT count(*) FROM pg_logical_slot_peek_changes('options', NULL, NULL);
-- changes of other origins
SELECT pg_replication_origin_create('regress') > 0;
SELECT pg_replication_origin_session_setup('regress');
INSERT INTO opt VALUES (3);
SELECT pg_replication_origin_session_reset();
INSERT INTO opt VALUES (4);
SELECT pg_temp.shown(record) FROM fanout.peek('options', NULL, NULL, 'origin', 'none') WHERE record->>'kind' IN ('begin', 'change');
SELECT pg_temp.changes('options', 'origin', 'any');
SELECT pg_replication_origin_drop('regress');
SELECT pg_drop_replication_slot('options');
DROP PUBLICATION opt_pub, "Odd, ""name";
DROP TABLE opt;
DROP FUNCTION try;
DROP EXTENSION pg_fanout;
