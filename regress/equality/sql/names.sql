-- Names that need quotes everywhere, or break what is put together carelessly.

-- test: blanks, dots, quotes, a newline
CREATE SCHEMA "sche.ma ""x""";
CREATE TABLE "sche.ma ""x"""."ta.ble
two" ("co.l" int PRIMARY KEY, "co""l" text, "  " int, E int, "select" int, "é" int, "a\b" int, "%s" int, "$1" int, "{x}" int, "UPPER" int, "upper" int, "0" int, "_" int);
INSERT INTO "sche.ma ""x"""."ta.ble
two" VALUES (1, 'x', 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
UPDATE "sche.ma ""x"""."ta.ble
two" SET "co.l" = 2;
DELETE FROM "sche.ma ""x"""."ta.ble
two";

-- test: the longest
SELECT repeat('表', 21) AS longest \gset
CREATE SCHEMA :"longest";
SELECT repeat('型', 21) AS longest_type \gset
CREATE TYPE :"longest".:"longest_type" AS ENUM ('表', 'ü''"');
CREATE TABLE :"longest".:"longest" (:"longest" int PRIMARY KEY, e :"longest".:"longest_type");
INSERT INTO :"longest".:"longest" VALUES (1, '表'), (2, 'ü''"');
UPDATE :"longest".:"longest" SET e = '表';
DELETE FROM :"longest".:"longest" WHERE e = '表';

-- test: names that differ in case only, and of types
CREATE TABLE "T" (a int PRIMARY KEY);
CREATE TABLE t (a int PRIMARY KEY);
CREATE TYPE "My Type" AS (a int, "B c" text);
CREATE DOMAIN "do.main" AS "My Type";
CREATE TABLE "select" (id int PRIMARY KEY, "from" "My Type", "where" "do.main"[], "order" "My Type"[]);
INSERT INTO "T" VALUES (1);
INSERT INTO t VALUES (2);
INSERT INTO "select" VALUES (1, (1, 'x y'), ARRAY[ROW(2, 'q"')::"My Type"::"do.main"], ARRAY[ROW(3, NULL)::"My Type"]);

-- test: tables in schemas of the system's kind of names
CREATE SCHEMA "pg-like";
CREATE TABLE "pg-like".pg_class (oid int PRIMARY KEY, text text);
INSERT INTO "pg-like".pg_class VALUES (1, 'x');
CREATE TABLE text (text text PRIMARY KEY);
INSERT INTO text VALUES ('x');
