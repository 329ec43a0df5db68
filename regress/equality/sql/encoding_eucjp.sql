-- A database in EUC_JP.
-- database: ENCODING 'EUC_JP' LOCALE 'C' TEMPLATE template0
-- test: what has a form in UTF-8
SET client_encoding = 'UTF8';
CREATE TABLE "日本" (id int PRIMARY KEY, "列" text, a text[]);
INSERT INTO "日本" VALUES (1, '日本語', '{日,"本 語",NULL}'), (2, repeat('日x', 10000), NULL);
UPDATE "日本" SET "列" = 'カナ';
DELETE FROM "日本" WHERE "列" = 'カナ';
