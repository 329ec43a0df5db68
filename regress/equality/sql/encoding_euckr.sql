-- A database in EUC_KR.
-- database: ENCODING 'EUC_KR' LOCALE 'C' TEMPLATE template0

-- test: names and every character
SET client_encoding = 'UTF8';
CREATE TABLE "한국" (id int PRIMARY KEY, "열" text);
INSERT INTO "한국" SELECT n, convert_from(set_byte(set_byte('\x0000', 0, 161 + n / 94), 1, 161 + n % 94), 'EUC_KR') FROM generate_series(0, 94 * 94 - 1) n;
UPDATE "한국" SET "열" = '가' WHERE id = 1;
