-- Partitions as themselves and as their root, with columns in another order.
-- publications: p_leaf
-- publications: p_root
-- publications: p_some
-- publications: p_leaf, p_root
CREATE TABLE root (id int, region text, n int, t text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE root_a PARTITION OF root FOR VALUES IN ('a');
-- attached, with its columns in another order and one dropped before
CREATE TABLE root_b (t text, gone int, n int, region text NOT NULL, id int NOT NULL);
ALTER TABLE root_b DROP gone;
ALTER TABLE root ATTACH PARTITION root_b FOR VALUES IN ('b');
CREATE TABLE root_c PARTITION OF root FOR VALUES IN ('c', 'd') PARTITION BY RANGE (id);
CREATE TABLE root_c1 PARTITION OF root_c FOR VALUES FROM (0) TO (100);
CREATE TABLE root_c2 (n int, id int NOT NULL, region text NOT NULL, t text);
ALTER TABLE root_c ATTACH PARTITION root_c2 FOR VALUES FROM (100) TO (200);
CREATE TABLE full_root (id int, n int, t text) PARTITION BY RANGE (id);
CREATE TABLE full_1 (t text, id int, n int);
ALTER TABLE full_root ATTACH PARTITION full_1 FOR VALUES FROM (0) TO (100);
CREATE TABLE full_2 PARTITION OF full_root DEFAULT;
ALTER TABLE full_root REPLICA IDENTITY FULL;
ALTER TABLE full_1 REPLICA IDENTITY FULL;
ALTER TABLE full_2 REPLICA IDENTITY FULL;
ALTER TABLE full_1 ALTER t SET STORAGE EXTERNAL;
ALTER TABLE full_2 ALTER t SET STORAGE EXTERNAL;
CREATE PUBLICATION p_leaf FOR ALL TABLES;
CREATE PUBLICATION p_root FOR ALL TABLES WITH (publish_via_partition_root = true);
CREATE PUBLICATION p_some FOR TABLE root, full_1 WITH (publish_via_partition_root = true);
-- workload

-- test: rows of every partition
INSERT INTO root VALUES (1, 'a', 1, 'x'), (2, 'b', 2, 'y'), (3, 'c', 3, 'z'), (101, 'd', 4, NULL);
UPDATE root SET n = n + 1;
UPDATE root SET id = id + 5;
DELETE FROM root WHERE region IN ('a', 'd');
INSERT INTO full_root VALUES (1, 1, repeat('t', 5000)), (1000, 2, repeat('u', 5000)), (2, NULL, NULL);
UPDATE full_root SET n = 7;
UPDATE full_root SET t = NULL WHERE id = 1;
DELETE FROM full_root WHERE id < 1000;

-- test: rows that move between partitions
UPDATE root SET region = 'a' WHERE region = 'b';
UPDATE root SET region = 'b' WHERE region = 'c';
UPDATE full_root SET id = 50 WHERE id = 1000;

-- test: partitions written to directly
INSERT INTO root_a VALUES (20, 'a', 1, 'direct');
INSERT INTO root_b (id, region, n, t) VALUES (21, 'b', 1, 'direct');
UPDATE root_b SET t = 'changed' WHERE id = 21;
DELETE FROM root_b WHERE id = 21;

-- test: truncations
TRUNCATE root_a;
TRUNCATE root;
TRUNCATE full_root, root;

-- test: detached and attached again
ALTER TABLE root DETACH PARTITION root_b;
INSERT INTO root_b (id, region, n, t) VALUES (30, 'b', 1, 'alone');
ALTER TABLE root ATTACH PARTITION root_b FOR VALUES IN ('b');
INSERT INTO root_b (id, region, n, t) VALUES (31, 'b', 1, 'again');
