-- A database in EUC_TW, without PL/pgSQL: the server has to convert.
-- database: ENCODING 'EUC_TW' LOCALE 'C' TEMPLATE template0
DROP EXTENSION plpgsql;
-- workload

-- test: what has a form in UTF-8
SET client_encoding = 'UTF8';
CREATE TABLE "中文" (id int PRIMARY KEY, "字" text, a text[]);
INSERT INTO "中文" VALUES (1, '漢字', '{"中 文",NULL,字}'), (2, repeat('字x', 5000), NULL);
UPDATE "中文" SET "字" = '文';
DELETE FROM "中文" WHERE id = 1;
