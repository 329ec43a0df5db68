-- Tables change between transactions and inside of them; read as it happens.
-- live

-- test: a table
CREATE TABLE account (id int PRIMARY KEY, name text, n int);
INSERT INTO account VALUES (1, 'a', 1);
-- test: a column is added
ALTER TABLE account ADD extra text;
INSERT INTO account VALUES (2, 'b', 2, 'e');
UPDATE account SET n = 3;
-- test: one with a default
ALTER TABLE account ADD defaulted int NOT NULL DEFAULT 7;
INSERT INTO account VALUES (3, 'c', 3, NULL);
UPDATE account SET n = 4;
-- test: a column is dropped
ALTER TABLE account DROP name;
INSERT INTO account VALUES (4, 4, 'x', 8);
UPDATE account SET n = 5 WHERE id = 4;
-- test: and one of that name added again, of another type
ALTER TABLE account ADD name int;
INSERT INTO account VALUES (5, 5, 'y', 9, 10);
-- test: a column is renamed
ALTER TABLE account RENAME n TO amount;
UPDATE account SET amount = 6;
-- test: its type changes
ALTER TABLE account ALTER amount TYPE numeric USING amount + 0.5;
UPDATE account SET amount = 7.25;
-- test: the table is renamed, and its schema
ALTER TABLE account RENAME TO accounts;
UPDATE accounts SET amount = 8;
CREATE SCHEMA bank;
ALTER TABLE accounts SET SCHEMA bank;
UPDATE bank.accounts SET amount = 9;
-- test: the schema is renamed
ALTER SCHEMA bank RENAME TO house;
UPDATE house.accounts SET amount = 10;
-- test: the key changes
ALTER TABLE house.accounts DROP CONSTRAINT account_pkey, ADD PRIMARY KEY (defaulted, id);
UPDATE house.accounts SET amount = 11;
UPDATE house.accounts SET defaulted = defaulted + 1;
-- test: the replica identity changes
ALTER TABLE house.accounts REPLICA IDENTITY FULL;
UPDATE house.accounts SET amount = 12;
DELETE FROM house.accounts WHERE id = 1;
-- test: dropped and made again
DROP TABLE house.accounts;
CREATE TABLE house.accounts (other text PRIMARY KEY, id int);
INSERT INTO house.accounts VALUES ('x', 1);
DELETE FROM house.accounts;
-- test: NOT NULL, and a label of an enum
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE moods (id int PRIMARY KEY, m mood, n int);
INSERT INTO moods VALUES (1, 'sad', 1);
-- test: a label is added
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'happy';
INSERT INTO moods VALUES (2, 'so-so', 1);
-- test: a column becomes not null
ALTER TABLE moods ALTER n SET NOT NULL;
UPDATE moods SET n = 2;
-- test: a label is renamed
ALTER TYPE mood RENAME VALUE 'so-so' TO 'neutral';
UPDATE moods SET n = 3;
-- test: a type is renamed
ALTER TYPE mood RENAME TO feeling;
UPDATE moods SET n = 4;
-- test: no row changes
ALTER TABLE moods ADD z int DEFAULT 5;
-- nothing
