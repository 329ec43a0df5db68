-- Descriptions follow what happens to tables, types, schemas and publications,
-- in the middle of what one session decodes.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('inval');
CREATE SCHEMA one;
CREATE TYPE one.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN one.dom AS int;
CREATE TABLE one.t (id int PRIMARY KEY, m one.mood, d one.dom);
INSERT INTO one.t VALUES (1, 'sad', 1);
INSERT INTO one.t VALUES (2, 'ok', 2);
-- no new description: nothing of it changes
CREATE INDEX ON one.t (d);
ANALYZE one.t;
ALTER TABLE one.t SET (fillfactor = 90);
INSERT INTO one.t VALUES (3, 'ok', 3);
-- a new one each time
ALTER TABLE one.t RENAME TO u;
INSERT INTO one.u VALUES (4, 'ok', 4);
ALTER TABLE one.u RENAME m TO feels;
INSERT INTO one.u VALUES (5, 'ok', 5);
ALTER TYPE one.mood ADD VALUE 'glad' BEFORE 'ok';
INSERT INTO one.u VALUES (6, 'glad', 6);
ALTER TYPE one.mood RENAME VALUE 'glad' TO 'happy';
INSERT INTO one.u VALUES (7, 'happy', 7);
ALTER TYPE one.mood RENAME TO spirits;
INSERT INTO one.u VALUES (8, 'happy', 8);
ALTER DOMAIN one.dom RENAME TO number;
INSERT INTO one.u VALUES (9, 'happy', 9);
ALTER SCHEMA one RENAME TO two;
INSERT INTO two.u VALUES (10, 'happy', 10);
CREATE SCHEMA three;
ALTER TYPE two.spirits SET SCHEMA three;
INSERT INTO two.u VALUES (11, 'happy', 11);
ALTER TABLE two.u SET SCHEMA three;
INSERT INTO three.u VALUES (12, 'happy', 12);
ALTER TABLE three.u ALTER d TYPE bigint;
INSERT INTO three.u VALUES (13, 'happy', 13);
ALTER TABLE three.u DROP CONSTRAINT t_pkey;
INSERT INTO three.u VALUES (14, 'happy', 14);
ALTER TABLE three.u ALTER d SET NOT NULL;
CREATE UNIQUE INDEX u_d ON three.u (d);
ALTER TABLE three.u REPLICA IDENTITY USING INDEX u_d;
INSERT INTO three.u VALUES (15, 'happy', 15);
DROP TABLE three.u;
CREATE TABLE three.u (id text);
INSERT INTO three.u VALUES ('another');
-- and back within one transaction, some of it taken back
BEGIN;
ALTER TABLE three.u ADD n int;
INSERT INTO three.u VALUES ('two columns', 1);
SAVEPOINT s;
ALTER TABLE three.u RENAME TO v;
ALTER SCHEMA three RENAME TO four;
INSERT INTO four.v VALUES ('not sent', 1);
ROLLBACK TO s;
INSERT INTO three.u VALUES ('as before', 2);
ALTER SCHEMA three RENAME TO five;
INSERT INTO five.u VALUES ('in five', 3);
COMMIT;
INSERT INTO five.u VALUES ('still', 4);
SELECT CASE record->>'kind' WHEN 'table' THEN pg_temp.shown(record) ELSE record->>'after' END
FROM fanout.get('inval') WHERE record->>'kind' IN ('table', 'change');
-- publications, too
CREATE TABLE x (id int PRIMARY KEY, a int, b int);
CREATE PUBLICATION p FOR TABLE x (id, a);
SELECT 'next' FROM pg_replication_slot_advance('inval', pg_current_wal_lsn());
INSERT INTO x VALUES (1, 1, 1);
ALTER PUBLICATION p SET TABLE x (id, b);
INSERT INTO x VALUES (2, 2, 2);
ALTER PUBLICATION p SET TABLE x WHERE (id > 10);
INSERT INTO x VALUES (3, 3, 3), (11, 11, 11);
ALTER PUBLICATION p SET (publish = 'delete');
INSERT INTO x VALUES (12, 12, 12);
DELETE FROM x WHERE id IN (1, 11);
ALTER PUBLICATION p DROP TABLE x;
DELETE FROM x WHERE id = 2;
ALTER PUBLICATION p ADD TABLES IN SCHEMA public;
DELETE FROM x WHERE id = 12;
SELECT pg_temp.rows('inval', 'publication_names', 'p');
SELECT pg_drop_replication_slot('inval');
DROP PUBLICATION p;
DROP TABLE x;
DROP SCHEMA two, five CASCADE;
DROP EXTENSION pg_fanout;
