-- A key that a column list hides in part is no key.
-- needs: 15
-- publications: p_hidden
CREATE TABLE hidden (a int, b int, c int, PRIMARY KEY (a, b));
CREATE PUBLICATION p_hidden FOR TABLE hidden (a, c) WITH (publish = 'insert');
-- workload
-- test: rows
INSERT INTO hidden VALUES (1, 2, 3), (1, 3, 4);
