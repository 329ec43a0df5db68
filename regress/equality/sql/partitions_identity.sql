-- Partitions whose replica identity is not their root's.
-- publications: p_root
CREATE TABLE root (id int, n int, t text) PARTITION BY RANGE (id);
CREATE TABLE leaf (t text, id int, n int);
ALTER TABLE root ATTACH PARTITION leaf FOR VALUES FROM (0) TO (100);
ALTER TABLE leaf REPLICA IDENTITY FULL;
CREATE TABLE full_root (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
CREATE TABLE plain_leaf PARTITION OF full_root DEFAULT;
ALTER TABLE full_root REPLICA IDENTITY FULL;
CREATE TABLE key_root (id int, n int, k int NOT NULL, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE key_leaf PARTITION OF key_root DEFAULT;
CREATE UNIQUE INDEX key_leaf_k ON key_leaf (k);
ALTER TABLE key_leaf REPLICA IDENTITY USING INDEX key_leaf_k;
CREATE PUBLICATION p_root FOR ALL TABLES WITH (publish_via_partition_root = true);
-- workload

-- test: full below a root that is not
-- differs: before_is_key, before.n, before.t: pgoutput marks the old row by the root's replica identity
INSERT INTO root VALUES (1, 1, 'x'), (2, NULL, NULL);
UPDATE root SET n = 7;
DELETE FROM root;

-- test: a key below a root that is full
-- differs: before_is_key, before.n: pgoutput sends the key as if it were the whole old row
INSERT INTO full_root VALUES (1, 1), (2, 2);
UPDATE full_root SET n = 3;
UPDATE full_root SET id = 5 WHERE id = 1;
DELETE FROM full_root;

-- test: another index below a root with a primary key
INSERT INTO key_root VALUES (1, 1, 10), (2, 2, 20);
UPDATE key_root SET n = 3;
UPDATE key_root SET k = 30 WHERE id = 1;
UPDATE key_root SET id = 4 WHERE id = 1;
DELETE FROM key_root;
