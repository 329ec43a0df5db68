-- As many columns as a table can have.

-- test: 1600 columns
SELECT 'CREATE TABLE wide (' || string_agg('c' || g || CASE g % 4 WHEN 0 THEN ' int' WHEN 1 THEN ' text' WHEN 2 THEN ' bool' ELSE ' int2[]' END, ', ' ORDER BY g) || ', PRIMARY KEY (c4, c1600))' FROM generate_series(1, 1600) g \gexec
INSERT INTO wide (c4, c1600) VALUES (1, 2);
INSERT INTO wide (c4, c1600, c1, c2, c3, c1599) VALUES (2, 3, 'x', true, '{1}', '{2}');
UPDATE wide SET c800 = 7;
UPDATE wide SET c1600 = 5 WHERE c4 = 1;
DELETE FROM wide;
SELECT 'CREATE TABLE bools (' || string_agg('c' || g || ' bool', ', ' ORDER BY g) || ')' FROM generate_series(1, 1600) g \gexec
ALTER TABLE bools REPLICA IDENTITY FULL;
SELECT 'INSERT INTO bools VALUES (' || string_agg(CASE g % 3 WHEN 0 THEN 'true' WHEN 1 THEN 'false' ELSE 'NULL' END, ', ' ORDER BY g) || ')' FROM generate_series(1, 1600) g \gexec
UPDATE bools SET c1 = true;
DELETE FROM bools;
