-- What comes of the old row, for each replica identity and operation.

-- test: default, with a primary key
CREATE TABLE by_default (a int, b text, c int, d int, PRIMARY KEY (c, a));
INSERT INTO by_default VALUES (1, 'x', 2, 3), (4, NULL, 5, NULL);
UPDATE by_default SET b = 'y';
UPDATE by_default SET a = a;
UPDATE by_default SET a = a + 10;
UPDATE by_default SET c = c + 10, b = NULL WHERE a = 11;
DELETE FROM by_default;

-- test: default, without a key
CREATE TABLE no_key (a int, b text);
INSERT INTO no_key VALUES (1, 'x');

-- test: nothing
CREATE TABLE by_nothing (a int PRIMARY KEY, b text);
ALTER TABLE by_nothing REPLICA IDENTITY NOTHING;
INSERT INTO by_nothing VALUES (1, 'x');
TRUNCATE by_nothing;

-- test: full
CREATE TABLE by_full (a int, b text, c int[], d numeric);
ALTER TABLE by_full REPLICA IDENTITY FULL;
INSERT INTO by_full VALUES (1, 'x', '{1,NULL}', 1.10), (2, NULL, NULL, NULL);
UPDATE by_full SET b = 'y', c = NULL;
UPDATE by_full SET a = a + 1;
DELETE FROM by_full;

-- test: full, with a primary key
CREATE TABLE full_key (a int, b text, PRIMARY KEY (a));
ALTER TABLE full_key REPLICA IDENTITY FULL;
INSERT INTO full_key VALUES (1, 'x');
UPDATE full_key SET b = NULL;
UPDATE full_key SET a = 2;
DELETE FROM full_key;

-- test: an index
CREATE TABLE by_index (a int PRIMARY KEY, b text NOT NULL, c int NOT NULL, d int);
CREATE UNIQUE INDEX by_index_cb ON by_index (c, b) INCLUDE (d);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_cb;
INSERT INTO by_index VALUES (1, 'x', 2, 3);
UPDATE by_index SET d = 4;
UPDATE by_index SET a = 2;
UPDATE by_index SET b = 'y';
UPDATE by_index SET c = 3, b = 'z', a = 4;
DELETE FROM by_index;

-- test: an index, dropped after
CREATE TABLE index_gone (a int PRIMARY KEY, b int NOT NULL UNIQUE);
ALTER TABLE index_gone REPLICA IDENTITY USING INDEX index_gone_b_key;
INSERT INTO index_gone VALUES (1, 2);
UPDATE index_gone SET b = 3;
DELETE FROM index_gone;

-- test: a deferrable primary key
CREATE TABLE deferrable_key (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, b text);
INSERT INTO deferrable_key VALUES (1, 'x');
ALTER TABLE deferrable_key REPLICA IDENTITY FULL;
UPDATE deferrable_key SET b = 'y';
DELETE FROM deferrable_key;

-- test: values out of line
CREATE TABLE toasted (id int PRIMARY KEY, t text, n int, y bytea, a int[], j jsonb);
ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL, ALTER y SET STORAGE EXTERNAL, ALTER a SET STORAGE EXTERNAL, ALTER j SET STORAGE EXTERNAL;
INSERT INTO toasted VALUES (1, repeat('t', 5000), 1, decode(repeat('ab', 5000), 'hex'), (SELECT array_agg(g) FROM generate_series(1, 3000) g), to_jsonb(repeat('j', 5000))), (2, 'short', 1, '\x00', '{}', '{}');
UPDATE toasted SET n = 2;
UPDATE toasted SET t = repeat('u', 5000) WHERE id = 1;
UPDATE toasted SET t = NULL, y = '\x01' WHERE id = 1;
UPDATE toasted SET id = 3 WHERE id = 1;
UPDATE toasted SET a = a || 1, j = NULL WHERE id = 3;
DELETE FROM toasted;

-- test: values out of line, compressed
CREATE TABLE compressed (id int PRIMARY KEY, t text, n int);
INSERT INTO compressed VALUES (1, (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 2000) g), 1), (2, repeat('x', 100000), 1);
UPDATE compressed SET n = 2;
UPDATE compressed SET t = t || 'x';

-- test: values out of line, under full
CREATE TABLE toasted_full (id int PRIMARY KEY, t text, n int, u text);
ALTER TABLE toasted_full ALTER t SET STORAGE EXTERNAL, ALTER u SET STORAGE EXTERNAL, REPLICA IDENTITY FULL;
INSERT INTO toasted_full VALUES (1, repeat('t', 5000), 1, repeat('u', 5000)), (2, NULL, 1, repeat('u', 5000));
UPDATE toasted_full SET n = 2;
UPDATE toasted_full SET t = repeat('v', 4000);
UPDATE toasted_full SET u = NULL;
UPDATE toasted_full SET id = id + 10;
DELETE FROM toasted_full;

-- test: a key out of line
CREATE TABLE toasted_key (k text PRIMARY KEY, n int, other text);
ALTER TABLE toasted_key ALTER k SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
INSERT INTO toasted_key VALUES (repeat('k', 2600), 1, repeat('o', 5000)), ('short', 1, repeat('o', 5000));
UPDATE toasted_key SET n = 2;
UPDATE toasted_key SET k = 'shorter' WHERE k = 'short';
UPDATE toasted_key SET k = repeat('l', 2600) WHERE k LIKE 'kk%';
UPDATE toasted_key SET other = 'x';
DELETE FROM toasted_key;

-- test: the identity changes between and inside of transactions
CREATE TABLE changing (a int PRIMARY KEY, b int NOT NULL UNIQUE, c text);
INSERT INTO changing VALUES (1, 1, 'x');
UPDATE changing SET c = 'y';
