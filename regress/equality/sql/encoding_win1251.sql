-- A database in WIN1251 without PL/pgSQL: no map can be had, the server has to
-- convert.
-- database: ENCODING 'WIN1251' LOCALE 'C' TEMPLATE template0
DROP EXTENSION plpgsql;
-- workload

-- test: what has a form in UTF-8
SET client_encoding = 'UTF8';
CREATE TABLE "слово" (id int PRIMARY KEY, "текст" text, a text[]);
INSERT INTO "слово" VALUES (1, 'Привет', '{"а б",NULL,в}');
UPDATE "слово" SET "текст" = 'мир';
DELETE FROM "слово";
