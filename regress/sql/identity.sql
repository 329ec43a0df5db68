-- What an old row holds under each replica identity.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('identity');
CREATE TABLE ident (a int, b int NOT NULL, c text, PRIMARY KEY (a));
CREATE UNIQUE INDEX ident_b_a ON ident (b, a);
CREATE TABLE bare (a int, b text);
CREATE TABLE deferred (a int PRIMARY KEY DEFERRABLE, b text);
-- default: the key, and only when it changed
INSERT INTO ident VALUES (1, 10, 'x'), (2, 20, NULL);
UPDATE ident SET c = 'y' WHERE a = 1;
UPDATE ident SET a = 3 WHERE a = 1;
DELETE FROM ident WHERE a = 2;
-- an index
ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_b_a;
UPDATE ident SET c = 'z';
UPDATE ident SET b = 11;
DELETE FROM ident;
-- the whole row
ALTER TABLE ident REPLICA IDENTITY FULL;
INSERT INTO ident VALUES (4, 40, NULL);
UPDATE ident SET c = 'w';
UPDATE ident SET a = 5;
DELETE FROM ident;
-- nothing
ALTER TABLE ident REPLICA IDENTITY NOTHING;
INSERT INTO ident VALUES (6, 60, NULL);
UPDATE ident SET a = 7;
DELETE FROM ident;
-- no key at all, and one that cannot identify
INSERT INTO bare VALUES (1, 'a');
UPDATE bare SET b = 'b';
DELETE FROM bare;
INSERT INTO deferred VALUES (1, 'a');
UPDATE deferred SET a = 2;
DELETE FROM deferred;
-- the identity's index is gone
ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_b_a;
DROP INDEX ident_b_a;
INSERT INTO ident VALUES (8, 80, NULL);
DELETE FROM ident;
-- from the last column back to the first
CREATE TABLE wide (c text, b int, a int, PRIMARY KEY (a, b) INCLUDE (c));
INSERT INTO wide VALUES ('x', 1, 2);
UPDATE wide SET b = 3;
SELECT pg_temp.changes('identity');
SELECT pg_drop_replication_slot('identity');
DROP TABLE ident, bare, deferred, wide;
DROP EXTENSION pg_fanout;
