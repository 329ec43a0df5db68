-- Columns that come, go and are generated.
\getenv srcdir PG_ABS_SRCDIR
\set helper :srcdir /sql/helper.psql
\i :helper
SELECT pg_temp.slot('cols');
CREATE TABLE cols (id int PRIMARY KEY, gone text, kept text);
INSERT INTO cols VALUES (1, 'a', 'b');
ALTER TABLE cols DROP gone;
INSERT INTO cols VALUES (2, 'c');
-- rows older than the column: the default is not in them
ALTER TABLE cols REPLICA IDENTITY FULL;
ALTER TABLE cols ADD added int NOT NULL DEFAULT 7, ADD word text DEFAULT 'none', ADD list int[] DEFAULT '{1,2}';
UPDATE cols SET kept = 'd' WHERE id = 1;
DELETE FROM cols WHERE id = 2;
-- the default changes, old rows keep theirs
ALTER TABLE cols ALTER added SET DEFAULT 8;
UPDATE cols SET kept = 'e' WHERE id = 1;
INSERT INTO cols (id) VALUES (3);
-- same name, new number
ALTER TABLE cols DROP kept;
ALTER TABLE cols ADD kept int;
UPDATE cols SET kept = 5 WHERE id = 3;
ALTER TABLE cols RENAME kept TO renamed;
ALTER TABLE cols ALTER renamed TYPE bigint, ALTER word TYPE varchar(10);
UPDATE cols SET renamed = 6 WHERE id = 3;
SELECT pg_temp.changes('cols');
-- a stored generated column is sent as any other
CREATE TABLE gen (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, n int GENERATED ALWAYS AS IDENTITY);
INSERT INTO gen (id) VALUES (1);
UPDATE gen SET id = 2;
SELECT pg_temp.changes('cols');
-- no columns at all
CREATE TABLE empty ();
INSERT INTO empty DEFAULT VALUES;
SELECT pg_temp.changes('cols');
SELECT pg_drop_replication_slot('cols');
DROP TABLE cols, gen, empty;
DROP EXTENSION pg_fanout;
