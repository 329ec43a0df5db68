-- Tables that changed before their rows were read. pgoutput tells names and
-- types of columns only; the rest is looked up in the catalog as it is then.

-- test: a column was added
CREATE TABLE added (id int PRIMARY KEY, a text);
INSERT INTO added VALUES (1, 'x');
ALTER TABLE added ADD b int;
INSERT INTO added VALUES (2, 'y', 3);
UPDATE added SET b = 4;
DELETE FROM added;

-- test: a column was dropped
CREATE TABLE dropped (id int PRIMARY KEY, a text, b int);
INSERT INTO dropped VALUES (1, 'x', 2);
ALTER TABLE dropped DROP a;
INSERT INTO dropped VALUES (2, 3);
DELETE FROM dropped;

-- test: a column was renamed
CREATE TABLE renamed (id int PRIMARY KEY, a text, b int);
INSERT INTO renamed VALUES (1, 'x', 2);
ALTER TABLE renamed RENAME a TO c;
INSERT INTO renamed VALUES (2, 'y', 3);

-- test: a column was dropped and added again
CREATE TABLE again (id int PRIMARY KEY, a text, b int);
INSERT INTO again VALUES (1, 'x', 2);
ALTER TABLE again DROP a, ADD a text;
INSERT INTO again VALUES (2, 3, 'y');

-- test: the table was renamed and moved
CREATE SCHEMA elsewhere;
CREATE TABLE moved (id int PRIMARY KEY, a text);
INSERT INTO moved VALUES (1, 'x');
ALTER TABLE moved RENAME TO gone;
ALTER TABLE gone SET SCHEMA elsewhere;
INSERT INTO elsewhere.gone VALUES (2, 'y');

-- test: the table was dropped
-- differs: source.version, after.1, after.2, after.3, after.2048, after.2049, after.2050: nobody knows its columns' numbers any more
CREATE TABLE lost (id int PRIMARY KEY, a text, b timestamptz);
INSERT INTO lost VALUES (1, 'x', '2024-01-01 00:00+00');
DROP TABLE lost;

-- test: the table was dropped and made again
-- differs: source.version, after.id, after.a, after.2048, after.2049: nobody knows its columns' numbers any more
CREATE TABLE new (id int PRIMARY KEY, a text);
INSERT INTO new VALUES (1, 'x');
DROP TABLE new;
CREATE TABLE new (a text PRIMARY KEY, id int);
INSERT INTO new VALUES ('y', 2);

-- test: a type changed
CREATE TABLE retyped (id int PRIMARY KEY, a int);
INSERT INTO retyped VALUES (1, 2);
ALTER TABLE retyped ALTER a TYPE text;
INSERT INTO retyped VALUES (2, 'x');

-- test: keys and NOT NULL changed
-- differs: source.version: NOT NULL is today's
CREATE TABLE rekeyed (id int PRIMARY KEY, a int NOT NULL, b int);
INSERT INTO rekeyed VALUES (1, 2, 3);
ALTER TABLE rekeyed DROP CONSTRAINT rekeyed_pkey, ADD PRIMARY KEY (a), ALTER id DROP NOT NULL, ALTER b SET NOT NULL;
INSERT INTO rekeyed VALUES (2, 3, 4);

-- test: an enum got a label
-- differs: source.version: the labels are today's
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE moods (id int PRIMARY KEY, m mood);
INSERT INTO moods VALUES (1, 'sad');
ALTER TYPE mood ADD VALUE 'so-so';

-- test: two columns dropped, one of a name added
CREATE TABLE twice (id int PRIMARY KEY, a text, b text, c int);
INSERT INTO twice VALUES (1, 'a', 'b', 3);
ALTER TABLE twice DROP a;
INSERT INTO twice VALUES (2, 'b', 3);
ALTER TABLE twice DROP b;
INSERT INTO twice VALUES (3, 3);
ALTER TABLE twice ADD a text;
INSERT INTO twice VALUES (4, 3, 'a');

-- test: columns renamed into each other
CREATE TABLE swapped (id int PRIMARY KEY, a text, b text);
INSERT INTO swapped VALUES (1, 'a', 'b');
ALTER TABLE swapped RENAME a TO c;
ALTER TABLE swapped RENAME b TO a;
ALTER TABLE swapped RENAME c TO b;
INSERT INTO swapped VALUES (2, 'b', 'a');

-- test: dropped and added in one transaction with rows
-- differs: source.version, after.2, after.3, after.a, after.d, after.2048, after.2049, after.2050, after.2051, order: which column was which number is not told
CREATE TABLE mixed (id int PRIMARY KEY, a text, b text);
BEGIN;
INSERT INTO mixed VALUES (1, 'a', 'b');
ALTER TABLE mixed DROP a;
INSERT INTO mixed VALUES (2, 'b');
ALTER TABLE mixed ADD a text, ADD d int;
INSERT INTO mixed VALUES (3, 'b', 'a', 1);
ALTER TABLE mixed DROP b;
INSERT INTO mixed VALUES (4, 'a', 2);
COMMIT;

-- test: a partition was detached and dropped
-- differs: source.version, after.1, after.2, after.2048, after.2049: nobody knows its columns' numbers any more
CREATE TABLE root (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF root DEFAULT;
INSERT INTO root VALUES (1, 1);
ALTER TABLE root DETACH PARTITION leaf;
DROP TABLE leaf;

-- test: a domain and an enum were dropped with their columns
-- differs: source.version, after.2, after.3, after.4, after.5, after.2048, after.2049, after.2050, after.2051, after.d, after.ea: nobody knows those types any more
CREATE DOMAIN lost_domain AS int;
CREATE TYPE lost_enum AS ENUM ('a', 'b');
CREATE TYPE lost_pair AS (a int, b text);
CREATE TABLE typeless (id int PRIMARY KEY, d lost_domain, e lost_enum, p lost_pair, ea lost_enum[], n int);
INSERT INTO typeless VALUES (1, 2, 'a', (1, 'x'), '{a,b}', 3);
DROP DOMAIN lost_domain CASCADE;
DROP TYPE lost_enum, lost_pair CASCADE;
INSERT INTO typeless VALUES (2, 4);
