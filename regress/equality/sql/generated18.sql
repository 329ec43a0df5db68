-- Generated columns: stored ones as the publication says, virtual ones never.
-- needs: 18
-- publications: p_none
-- publications: p_stored
-- publications: p_listed
CREATE TABLE made (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) STORED, c text, d serial, e int GENERATED ALWAYS AS IDENTITY, v int GENERATED ALWAYS AS (a + 1) VIRTUAL);
CREATE TABLE made_full (a int, b text GENERATED ALWAYS AS (repeat('x', a)) STORED);
ALTER TABLE made_full ALTER b SET STORAGE EXTERNAL;
CREATE PUBLICATION p_none FOR TABLE made, made_full;
CREATE PUBLICATION p_stored FOR TABLE made, made_full WITH (publish_generated_columns = stored);
CREATE PUBLICATION p_listed FOR TABLE made (a, b), made_full (b);
-- workload
-- test: stored and virtual ones
INSERT INTO made (a, c) VALUES (1, 'x');
UPDATE made SET c = 'y';
UPDATE made SET a = 2;
DELETE FROM made;
INSERT INTO made_full VALUES (3), (5000);
