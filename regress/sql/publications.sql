-- Publications: tables, schemas, actions, row filters, column lists and
-- partition roots, with the meaning pgoutput gives them.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT 'created' FROM pg_create_logical_replication_slot('pubs', 'pg_fanout');
CREATE TABLE pub_a (id int PRIMARY KEY, n int, t text);
CREATE TABLE pub_b (id int PRIMARY KEY);
CREATE SCHEMA pub_schema;
CREATE TABLE pub_schema.c (id int PRIMARY KEY);
CREATE PUBLICATION p_a FOR TABLE pub_a;
CREATE PUBLICATION p_insert FOR TABLE pub_a, pub_b WITH (publish = 'insert');
CREATE PUBLICATION p_delete FOR TABLE pub_b WITH (publish = 'delete, truncate');
CREATE PUBLICATION p_schema FOR TABLES IN SCHEMA pub_schema;
CREATE PUBLICATION p_all FOR ALL TABLES;
CREATE FUNCTION write_all() RETURNS void LANGUAGE sql AS $$
	INSERT INTO pub_a VALUES (1, 1, 'a');
	UPDATE pub_a SET n = 2;
	DELETE FROM pub_a;
	TRUNCATE pub_a;
	INSERT INTO pub_b VALUES (1);
	UPDATE pub_b SET id = 2;
	DELETE FROM pub_b;
	TRUNCATE pub_b;
	INSERT INTO pub_schema.c VALUES (1);
	DELETE FROM pub_schema.c;
$$;
CREATE FUNCTION pg_temp.seen(names text) RETURNS TABLE (line text) LANGUAGE sql AS $$
	SELECT concat_ws(' ', record->>'kind', record->>'op', COALESCE(record->>'table', record->>'tables'),
		record->>'before', '=>', record->>'after', 'records ' || (record->>'records'))
	FROM fanout.peek('pubs', NULL, NULL, 'publication_names', names)
	WHERE record->>'kind' NOT IN ('begin', 'table')
$$;
SELECT write_all();
SELECT pg_temp.seen('p_a');
SELECT pg_temp.seen('p_insert');
SELECT pg_temp.seen('p_delete');
SELECT pg_temp.seen('p_insert, p_delete');
SELECT pg_temp.seen('p_schema');
SELECT pg_temp.seen('p_all');
SELECT 'next' FROM pg_replication_slot_advance('pubs', pg_current_wal_lsn());
DROP PUBLICATION p_a, p_insert, p_delete, p_schema, p_all;
-- row filters: an update of which one side matches becomes an insert or delete
ALTER TABLE pub_a REPLICA IDENTITY FULL;
CREATE PUBLICATION p_low FOR TABLE pub_a WHERE (n < 10);
CREATE PUBLICATION p_high FOR TABLE pub_a WHERE (n > 90);
CREATE PUBLICATION p_even_insert FOR TABLE pub_a WHERE (n % 2 = 0) WITH (publish = 'insert');
CREATE PUBLICATION p_any_delete FOR TABLE pub_a WITH (publish = 'delete');
INSERT INTO pub_a VALUES (1, 1, 'low'), (2, 50, 'middle'), (3, 99, 'high'), (4, NULL, 'null');
UPDATE pub_a SET n = 2 WHERE id = 1;
UPDATE pub_a SET n = 51 WHERE id = 1;
UPDATE pub_a SET n = 52 WHERE id = 1;
UPDATE pub_a SET n = 3 WHERE id = 1;
UPDATE pub_a SET n = 98 WHERE id = 1;
DELETE FROM pub_a;
SELECT pg_temp.seen('p_low');
SELECT pg_temp.seen('p_low,p_high');
SELECT pg_temp.seen('p_even_insert,p_low');
SELECT pg_temp.seen('p_any_delete,p_low');
-- a filter on a key that is out of line: known only from the old row
CREATE TABLE pub_toast (k text PRIMARY KEY, n int);
ALTER TABLE pub_toast ALTER k SET STORAGE EXTERNAL;
CREATE PUBLICATION p_toast FOR TABLE pub_toast WHERE (length(k) > 2000);
SELECT 'next' FROM pg_replication_slot_advance('pubs', pg_current_wal_lsn());
INSERT INTO pub_toast VALUES (repeat('k', 2600), 1), ('short', 1);
UPDATE pub_toast SET n = 2;
SELECT regexp_replace(line, 'k{100,}', '(...)', 'g') FROM pg_temp.seen('p_toast');
-- the same through a schema or all tables: no filter
CREATE PUBLICATION p_schema FOR TABLES IN SCHEMA public;
SELECT 'next' FROM pg_replication_slot_advance('pubs', pg_current_wal_lsn());
INSERT INTO pub_a VALUES (5, 50, 'middle');
SELECT pg_temp.seen('p_low');
SELECT pg_temp.seen('p_low,p_schema');
DROP PUBLICATION p_low, p_high, p_even_insert, p_any_delete, p_toast, p_schema;
-- column lists
ALTER TABLE pub_a REPLICA IDENTITY DEFAULT;
CREATE PUBLICATION p_id_t FOR TABLE pub_a (id, t);
CREATE PUBLICATION p_t_id FOR TABLE pub_a (t, id);
CREATE PUBLICATION p_id_n FOR TABLE pub_a (id, n);
CREATE PUBLICATION p_whole FOR TABLE pub_a;
CREATE PUBLICATION p_every FOR TABLE pub_a (id, n, t);
SELECT 'next' FROM pg_replication_slot_advance('pubs', pg_current_wal_lsn());
UPDATE pub_a SET id = 6, t = 'x';
SELECT pg_temp.seen('p_id_t,p_t_id');
SELECT pg_temp.shown(record) FROM fanout.peek('pubs', NULL, NULL, 'publication_names', 'p_id_n') WHERE record->>'kind' = 'table';
SELECT pg_temp.seen('p_id_t,p_id_n');
SELECT pg_temp.seen('p_id_t,p_whole');
SELECT pg_temp.seen('p_every,p_whole');
DROP PUBLICATION p_id_t, p_t_id, p_id_n, p_whole, p_every;
-- a key that a column list hides in part is no key
CREATE TABLE pub_key (a int, b int, c int, PRIMARY KEY (a, b));
CREATE PUBLICATION p_key FOR TABLE pub_key (a, c) WITH (publish = 'insert');
SELECT 'next' FROM pg_replication_slot_advance('pubs', pg_current_wal_lsn());
INSERT INTO pub_key VALUES (1, 2, 3);
SELECT column_of->>'name', column_of->>'key_position' FROM fanout.peek('pubs', NULL, NULL, 'publication_names', 'p_key'), jsonb_array_elements(record->'columns') column_of WHERE record->>'kind' = 'table';
DROP PUBLICATION p_key;
-- partitions: as themselves or as their root, in the root's shape
CREATE TABLE root (id int, gone int, t text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
ALTER TABLE root DROP gone;
CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (10);
CREATE TABLE middle PARTITION OF root FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);
CREATE TABLE middle_a (t text, extra int, id int NOT NULL);
ALTER TABLE middle_a DROP extra;
ALTER TABLE middle ATTACH PARTITION middle_a FOR VALUES FROM (10) TO (20);
CREATE PUBLICATION p_leaf FOR TABLE root;
CREATE PUBLICATION p_root FOR TABLE root WITH (publish_via_partition_root = on);
CREATE PUBLICATION p_middle FOR TABLE middle WITH (publish_via_partition_root = on);
CREATE PUBLICATION p_filter FOR TABLE root WHERE (id > 5) WITH (publish_via_partition_root = on);
CREATE PUBLICATION p_one FOR TABLE low;
CREATE PUBLICATION p_all FOR ALL TABLES WITH (publish_via_partition_root = on);
SELECT 'next' FROM pg_replication_slot_advance('pubs', pg_current_wal_lsn());
INSERT INTO root VALUES (1, 'a'), (6, 'b'), (11, 'c');
UPDATE root SET id = 12 WHERE id = 11;
UPDATE root SET id = 2 WHERE id = 12;
DELETE FROM root WHERE id = 1;
TRUNCATE middle_a;
TRUNCATE root;
SELECT pg_temp.seen('p_leaf');
SELECT pg_temp.seen('p_root');
SELECT pg_temp.seen('p_middle');
SELECT pg_temp.seen('p_filter');
SELECT pg_temp.seen('p_one,p_root');
SELECT pg_temp.seen('p_all');
SELECT concat_ws(' ', record->>'kind', record->>'op', COALESCE(record->>'table', record->>'tables')) FROM fanout.get('pubs') WHERE record->>'kind' IN ('change', 'truncate');
-- the root changes its name: its partitions' entries know it by the old one
INSERT INTO root VALUES (3, 'before');
ALTER TABLE root RENAME TO trunk;
INSERT INTO trunk VALUES (4, 'after');
ALTER TABLE trunk DETACH PARTITION low;
INSERT INTO low VALUES (5, 'alone');
SELECT pg_temp.seen('p_root');
SELECT pg_drop_replication_slot('pubs');
DROP PUBLICATION p_leaf, p_root, p_middle, p_filter, p_one, p_all;
DROP TABLE pub_a, pub_b, pub_toast, trunk, low;
DROP SCHEMA pub_schema CASCADE;
DROP FUNCTION write_all;
DROP EXTENSION pg_fanout;
