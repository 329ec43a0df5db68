-- Truncations, actions, row filters, column lists, schemas.
-- needs: 15
-- publications: p_all
-- publications: p_rows, p_more
-- publications: p_lists
CREATE SCHEMA apart;
CREATE TABLE plain (id int PRIMARY KEY, n int, t text);
CREATE TABLE filtered (id int PRIMARY KEY, n int, t text);
ALTER TABLE filtered REPLICA IDENTITY FULL;
CREATE TABLE key_filtered (a int, b text, c int, PRIMARY KEY (a, b));
CREATE TABLE toast_filtered (k text PRIMARY KEY, n int, o text);
ALTER TABLE toast_filtered ALTER k SET STORAGE EXTERNAL, ALTER o SET STORAGE EXTERNAL;
CREATE TABLE listed (c text, id int PRIMARY KEY, b int, a numeric);
CREATE TABLE listed_full (a int, b int, c int);
ALTER TABLE listed_full REPLICA IDENTITY FULL;
CREATE TABLE key_hidden (a int, b int, c int, PRIMARY KEY (a, b));
CREATE TABLE inserted (id int PRIMARY KEY, n int);
CREATE TABLE deleted (id int PRIMARY KEY, n int);
CREATE TABLE one (id int PRIMARY KEY);
CREATE TABLE two (id int PRIMARY KEY, one int REFERENCES one);
CREATE TABLE three (id int PRIMARY KEY, two int REFERENCES two);
CREATE TABLE apart.four (id serial PRIMARY KEY, n int);
CREATE TABLE unpublished (id int PRIMARY KEY);
CREATE PUBLICATION p_all FOR ALL TABLES;
CREATE PUBLICATION p_rows FOR TABLE filtered WHERE (n < 10 OR t = 'keep'), key_filtered WHERE (a > 10 AND b <> 'no'), toast_filtered WHERE (length(k) > 2000), plain WHERE (id % 2 = 0), TABLES IN SCHEMA apart;
CREATE PUBLICATION p_more FOR TABLE filtered WHERE (n > 90), one, three, listed;
CREATE PUBLICATION p_lists FOR TABLE listed (id, a, c), listed_full, key_hidden, plain (t, id);
CREATE PUBLICATION p_insert FOR TABLE inserted, plain WITH (publish = 'insert');
CREATE PUBLICATION p_delete FOR TABLE deleted WITH (publish = 'delete, truncate');
-- publications: p_insert, p_delete
-- workload

-- test: rows
INSERT INTO plain VALUES (1, 1, 'a'), (2, 2, 'b'), (3, NULL, NULL), (4, 4, repeat('x', 3000));
UPDATE plain SET n = n + 1;
DELETE FROM plain WHERE id < 3;
INSERT INTO filtered VALUES (1, 1, 'low'), (2, 50, 'middle'), (3, 99, 'high'), (4, NULL, 'null'), (5, 50, 'keep');
UPDATE filtered SET n = 2 WHERE id = 1;
UPDATE filtered SET n = 51 WHERE id = 1;
UPDATE filtered SET n = 52 WHERE id = 1;
UPDATE filtered SET n = 3 WHERE id = 1;
UPDATE filtered SET n = 98 WHERE id = 1;
UPDATE filtered SET t = 'lost' WHERE id = 5;
DELETE FROM filtered;
INSERT INTO key_filtered VALUES (1, 'a', 1), (11, 'no', 1), (12, 'yes', 1);
UPDATE key_filtered SET c = 2;
UPDATE key_filtered SET a = 13 WHERE a = 1;
UPDATE key_filtered SET b = 'no' WHERE a = 12;
DELETE FROM key_filtered;
INSERT INTO toast_filtered VALUES (repeat('k', 2600), 1, repeat('o', 5000)), ('short', 1, 'o');
UPDATE toast_filtered SET n = 2;
UPDATE toast_filtered SET k = 'small' WHERE k LIKE 'kk%';
UPDATE toast_filtered SET k = repeat('l', 2600) WHERE k = 'short';
DELETE FROM toast_filtered;
INSERT INTO listed VALUES ('x', 1, 2, 3.0), (NULL, 2, NULL, NULL);
UPDATE listed SET b = 5;
UPDATE listed SET id = id + 10, c = 'y';
DELETE FROM listed;
INSERT INTO listed_full VALUES (1, 2, 3);
UPDATE listed_full SET c = 4;
DELETE FROM listed_full;
INSERT INTO key_hidden VALUES (1, 2, 3);
INSERT INTO inserted VALUES (1, 1);
UPDATE inserted SET n = 2;
DELETE FROM inserted;
INSERT INTO deleted VALUES (1, 1), (2, 2);
UPDATE deleted SET n = 3;
DELETE FROM deleted;
INSERT INTO apart.four (n) VALUES (1), (2);
UPDATE apart.four SET n = 3;
INSERT INTO unpublished VALUES (1);

-- test: truncations
INSERT INTO one VALUES (1);
INSERT INTO two VALUES (1, 1);
INSERT INTO three VALUES (1, 1);
TRUNCATE three;
TRUNCATE one, two, three;
INSERT INTO one VALUES (1);
TRUNCATE one CASCADE;
TRUNCATE apart.four RESTART IDENTITY;
TRUNCATE unpublished, plain, filtered, deleted, inserted, listed, key_hidden CONTINUE IDENTITY;
BEGIN;
INSERT INTO deleted VALUES (1, 1);
INSERT INTO plain VALUES (1), (2);
TRUNCATE plain, deleted;
INSERT INTO plain VALUES (3), (4);
COMMIT;
