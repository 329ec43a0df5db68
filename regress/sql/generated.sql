-- Generated columns and publications, which differ over versions: up to 17 they
-- are left out; from 18 publish_generated_columns and column lists decide, and
-- virtual ones are never sent.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT 'created' FROM pg_create_logical_replication_slot('gen', 'pg_fanout');
CREATE TABLE gen (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE PUBLICATION p_gen FOR TABLE gen;
INSERT INTO gen VALUES (1);
SELECT pg_temp.rows('gen', 'publication_names', 'p_gen');
INSERT INTO gen VALUES (2);
SELECT pg_temp.rows('gen');
SELECT current_setting('server_version_num')::int >= 180000 AS has_virtual \gset
\if :has_virtual
ALTER TABLE gen ADD virtual int GENERATED ALWAYS AS (id + 100) VIRTUAL;
INSERT INTO gen VALUES (3);
SELECT pg_temp.shown(record) FROM fanout.get('gen') WHERE record->>'kind' IN ('table', 'change');
CREATE PUBLICATION p_stored FOR TABLE gen WITH (publish_generated_columns = stored);
CREATE PUBLICATION p_list FOR TABLE gen (id, twice);
CREATE PUBLICATION p_plain FOR TABLE gen (id);
CREATE PUBLICATION p_virtual FOR TABLE gen WHERE (virtual > 104) WITH (publish = 'insert');
SELECT 'next' FROM pg_replication_slot_advance('gen', pg_current_wal_lsn());
INSERT INTO gen VALUES (4), (5);
SELECT record->>'after' FROM fanout.peek('gen', NULL, NULL, 'publication_names', 'p_stored') WHERE record->>'kind' = 'change';
SELECT record->>'after' FROM fanout.peek('gen', NULL, NULL, 'publication_names', 'p_list') WHERE record->>'kind' = 'change';
SELECT record->>'after' FROM fanout.peek('gen', NULL, NULL, 'publication_names', 'p_plain') WHERE record->>'kind' = 'change';
SELECT record->>'after' FROM fanout.peek('gen', NULL, NULL, 'publication_names', 'p_virtual') WHERE record->>'kind' = 'change';
SELECT record->>'after' FROM fanout.peek('gen', NULL, NULL, 'publication_names', 'p_stored,p_list') WHERE record->>'kind' = 'change';
SELECT record->>'after' FROM fanout.peek('gen', NULL, NULL, 'publication_names', 'p_stored,p_gen') WHERE record->>'kind' = 'change';
SELECT record->>'after' FROM fanout.peek('gen', NULL, NULL, 'publication_names', 'p_stored,p_plain') WHERE record->>'kind' = 'change';
DROP PUBLICATION p_stored, p_list, p_plain, p_virtual;
\endif
SELECT pg_drop_replication_slot('gen');
DROP PUBLICATION p_gen;
DROP TABLE gen;
DROP EXTENSION pg_fanout;
