-- A database in EUC_JP, with characters that UTF-8 has, and one it lacks.
-- database: ENCODING 'EUC_JP' LOCALE 'C' TEMPLATE template0

-- test: names and values
SET client_encoding = 'UTF8';
CREATE TYPE "型" AS ENUM ('日', '本');
CREATE TABLE "日本" (id int PRIMARY KEY, "列" text, a text[], e "型", ea "型"[]);
INSERT INTO "日本" VALUES (1, '日本語', '{日,"本 語",NULL}', '本', '{日}'), (2, repeat('日x', 10000), NULL, NULL, NULL);
UPDATE "日本" SET "列" = 'カナ';
SELECT 1 FROM pg_logical_emit_message(true, '日', 'x');
DELETE FROM "日本" WHERE "列" = 'カナ';

-- test: every character
CREATE TABLE characters (id int PRIMARY KEY, t text);
INSERT INTO characters SELECT n, convert_from(set_byte(set_byte('\x0000', 0, 161 + n / 94), 1, 161 + n % 94), 'EUC_JP') FROM generate_series(0, 94 * 94 - 1) n;
INSERT INTO characters SELECT 10000 + n, convert_from(set_byte(set_byte('\x8f0000', 1, 161 + n / 94), 2, 161 + n % 94), 'EUC_JP') FROM generate_series(0, 94 * 94 - 1) n;
INSERT INTO characters SELECT 20000 + n, convert_from(set_byte('\x8e00', 1, n), 'EUC_JP') FROM generate_series(161, 223) n;
INSERT INTO characters VALUES (30000, 'a' || convert_from('\xa9a1', 'EUC_JP') || 'b');
