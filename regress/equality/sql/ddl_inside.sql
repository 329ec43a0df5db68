-- A table changes inside of a transaction that changes its rows too.
-- live

-- test: columns are added
CREATE TABLE t (id int PRIMARY KEY, a text);
BEGIN;
INSERT INTO t VALUES (1, 'a');
ALTER TABLE t ADD b int;
INSERT INTO t VALUES (2, 'b', 2);
ALTER TABLE t ADD c text DEFAULT 'd';
UPDATE t SET b = 3;
COMMIT;
-- test: made and filled in one transaction
BEGIN;
CREATE TABLE u (id int PRIMARY KEY, a text);
INSERT INTO u VALUES (1, 'a');
COMMIT;
-- test: changed by a subtransaction that is rolled back
BEGIN;
INSERT INTO u VALUES (2, 'b');
SAVEPOINT s;
ALTER TABLE u ADD b int;
INSERT INTO u VALUES (3, 'c', 3);
ROLLBACK TO s;
INSERT INTO u VALUES (4, 'd');
COMMIT;
-- test: rewritten
BEGIN;
UPDATE t SET a = 'x';
ALTER TABLE t ALTER b TYPE bigint;
UPDATE t SET a = 'y';
COMMIT;
-- test: truncated and filled again
BEGIN;
TRUNCATE t;
INSERT INTO t VALUES (9, 'z', 1, 'c');
COMMIT;
