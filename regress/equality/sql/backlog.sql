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
