-- A database in LATIN1: UTF-8 comes out, of names, labels and values.
-- A publication's name beyond ASCII leaves the conversion to the server.
-- database: ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0
-- publications: plain
-- publications: größe
SET client_encoding = 'UTF8';
CREATE PUBLICATION plain FOR ALL TABLES;
CREATE PUBLICATION "größe" FOR ALL TABLES;
-- workload

-- test: names and values
SET client_encoding = 'UTF8';
CREATE TYPE "müd" AS ENUM ('glücklich', 'ärger');
CREATE TABLE "größe" (id int PRIMARY KEY, "spält" text, n name, v varchar(3)[], e "müd", j json, jb jsonb, x xml, c "char", ea "müd"[]);
INSERT INTO "größe" VALUES (1, 'éüÿ', 'ä', '{ÿ,"é,"}', 'glücklich', '"é"', '"é"', '<a>é</a>', 'x', '{ärger}');
INSERT INTO "größe" VALUES (2, repeat('é', 20000), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
UPDATE "größe" SET "spält" = 'Ñ';
SELECT 1 FROM pg_logical_emit_message(true, 'é', '\xe9'::bytea);
DELETE FROM "größe";
