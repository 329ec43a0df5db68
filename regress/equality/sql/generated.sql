-- Generated columns: never published up to 17.
-- until: 17
-- test: stored ones
CREATE TABLE made (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) STORED, c text, d serial, e int GENERATED ALWAYS AS IDENTITY);
INSERT INTO made (a, c) VALUES (1, 'x');
UPDATE made SET a = 2;
DELETE FROM made;
