-- A database in SQL_ASCII: UTF-8 passes, other bytes become U+FFFD.
-- database: ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0
-- test: bytes that are UTF-8, and others
CREATE TABLE enc (id int PRIMARY KEY, t text, a text[], n name, j json);
INSERT INTO enc VALUES (1, convert_from('\x61e9c3a962', 'SQL_ASCII')), (2, convert_from('\xf09f9880', 'SQL_ASCII')), (3, convert_from('\xe697', 'SQL_ASCII')), (4, repeat(convert_from('\xe697a5', 'SQL_ASCII'), 10000)), (5, repeat(convert_from('\xff', 'SQL_ASCII'), 10000)), (6, convert_from('\xeda080', 'SQL_ASCII')), (7, convert_from('\xc080f8', 'SQL_ASCII')), (8, 'x' || convert_from('\xf0', 'SQL_ASCII'));
INSERT INTO enc VALUES (20, 'x', ARRAY[convert_from('\xff22', 'SQL_ASCII'), 'a"' || convert_from('\xe9', 'SQL_ASCII')], convert_from('\xe9', 'SQL_ASCII')::name, convert_from('\x22e922', 'SQL_ASCII')::json);
UPDATE enc SET t = convert_from('\xe9', 'SQL_ASCII') WHERE id = 1;
DELETE FROM enc WHERE id = 3;

-- test: names and labels that are no UTF-8
SELECT format('CREATE TYPE %I AS ENUM (%L, %L)', convert_from('\x65e9', 'SQL_ASCII'), convert_from('\xe9', 'SQL_ASCII'), convert_from('\xc3a9', 'SQL_ASCII')) \gexec
SELECT format('CREATE TABLE %I (id int PRIMARY KEY, %I text, %I text, e %I)', convert_from('\x74e9', 'SQL_ASCII'), convert_from('\xe9', 'SQL_ASCII'), convert_from('\xc3a9', 'SQL_ASCII'), convert_from('\x65e9', 'SQL_ASCII')) \gexec
SELECT format('INSERT INTO %I VALUES (1, %L, %L, %L)', convert_from('\x74e9', 'SQL_ASCII'), 'x', convert_from('\xff', 'SQL_ASCII'), convert_from('\xe9', 'SQL_ASCII')) \gexec
SELECT format('UPDATE %I SET id = 2', convert_from('\x74e9', 'SQL_ASCII')) \gexec
SELECT 1 FROM pg_logical_emit_message(true, convert_from('\x6de9', 'SQL_ASCII'), 'x');
