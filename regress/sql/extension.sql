-- Installing, the way from an older version, and what describes tables.

-- Both ways to the current version give the same objects.
CREATE FUNCTION extension_objects() RETURNS TABLE (object text, definition text)
LANGUAGE sql AS $$
    SELECT pg_describe_object(d.classid, d.objid, d.objsubid),
        CASE d.classid
            WHEN 'pg_proc'::regclass THEN
                concat_ws(E'\n', pg_get_functiondef(d.objid),
                    obj_description(d.objid, 'pg_proc'),
                    (SELECT proacl FROM pg_proc WHERE oid = d.objid))
            WHEN 'pg_class'::regclass THEN
                concat_ws(E'\n', pg_get_viewdef(d.objid),
                    obj_description(d.objid, 'pg_class'),
                    (SELECT relacl FROM pg_class WHERE oid = d.objid),
                    (SELECT string_agg(attname || ': ' || col_description(attrelid, attnum), E'\n' ORDER BY attnum)
                     FROM pg_attribute WHERE attrelid = d.objid))
        END
    FROM pg_depend d
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_fanout')
$$;
CREATE EXTENSION pg_fanout VERSION '0.0.1';
SELECT object FROM extension_objects() ORDER BY object;
ALTER EXTENSION pg_fanout UPDATE;
CREATE TABLE updated AS SELECT * FROM extension_objects();
DROP EXTENSION pg_fanout;
CREATE EXTENSION pg_fanout;
SELECT object FROM extension_objects() WHERE definition IS NOT NULL ORDER BY object;
(TABLE updated EXCEPT SELECT * FROM extension_objects())
UNION ALL
(SELECT * FROM extension_objects() EXCEPT TABLE updated);
SELECT fanout.version() = extversion AS library_matches, nspname, extrelocatable
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE extname = 'pg_fanout';

-- Everything is explained, and nothing has other rights than its caller.
SELECT object FROM extension_objects() WHERE object ~ '^(function|view)'
    AND definition !~ '\n[A-Z]';
SELECT proname FROM pg_proc
WHERE pronamespace = 'fanout'::regnamespace AND prosecdef;

-- ---- proto ----

CREATE TYPE mood AS ENUM ('sad', E'so\nso', 'happy');
CREATE DOMAIN small AS int2 CHECK (VALUE < 100);
CREATE TABLE customer (
    custkey bigint PRIMARY KEY,
    gone text,
    first_name varchar(20) NOT NULL,
    registration_date date,
    gone2 text,
    gone3 text,
    level small,
    moods mood[],
    balance numeric(12,2),
    wait interval,
    twice int GENERATED ALWAYS AS (level * 2) STORED
);
ALTER TABLE customer DROP COLUMN gone, DROP COLUMN gone2, DROP COLUMN gone3;
SELECT fanout.proto('customer');
SELECT fanout.proto('customer', 'com.example.bank') ~ '\npackage com.example.bank;\n' AS own_package;

-- Names that are no identifiers, taken, or alike for a generator of code.
CREATE SCHEMA "1 schema;";
CREATE TABLE "1 schema;"."Row" (
    "a b" int, "a_x20b" int, "select" int, "Select" int,
    "price" text, "price_bytes" int, "Interval" interval,
    "descriptor" int, "é" int, "x"";}" int);
SELECT line FROM regexp_split_to_table(fanout.proto('"1 schema;"."Row"'), '\n') line
WHERE line ~ '^(package|message)|json_name';

-- Partitioned tables, and what is no table.
CREATE TABLE parted (id int, day date, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
SELECT fanout.proto('parted') ~ 'primary key 2' AS has_key;
CREATE VIEW no_table AS SELECT 1 AS one;
SELECT fanout.proto('no_table');
SELECT fanout.proto('parted_pkey');
SELECT fanout.proto(0);
SELECT fanout.proto(NULL) IS NULL AS none;
SELECT fanout.proto('customer', 'com.example;import "x"');
SELECT fanout.proto('customer', '');

-- ---- resnapshot ----

-- The request as it is in the stream, with names that are no plain patterns.
CREATE TABLE "1 schema;"."a.b,c*[\?]""é" (id int);
SELECT 'slot' FROM pg_create_logical_replication_slot('resnapshot', 'pg_fanout');
BEGIN;
SELECT fanout.resnapshot('customer') IS NOT NULL AS sent;
SELECT fanout.resnapshot('"1 schema;"."a.b,c*[\?]""é"', 'lake', 'fan') IS NOT NULL AS sent;
SELECT fanout.resnapshot('parted', slot => 'fan') IS NOT NULL AS sent;
COMMIT;
SELECT fanout.resnapshot(0) IS NULL AS none, fanout.resnapshot(NULL) IS NULL AS none;
SELECT record->>'content' AS request, record->>'transactional' AS transactional
FROM fanout.peek('resnapshot', NULL, NULL, 'messages', 'on')
WHERE record->>'kind' = 'message';
SELECT pg_drop_replication_slot('resnapshot') IS NOT NULL AS dropped;
DROP TABLE "1 schema;"."a.b,c*[\?]""é";

-- ---- rights ----

CREATE ROLE fanout_nobody;
SET ROLE fanout_nobody;
SELECT fanout.version() IS NOT NULL AS version;
SELECT count(*) >= 0 AS slots FROM fanout.slots;
SELECT length(fanout.proto('customer')) > 0 AS proto;
\set VERBOSITY sqlstate
SELECT * FROM fanout.peek('any');
SELECT * FROM fanout.get('any');
\set VERBOSITY default
CREATE TABLE fanout.intruder ();
RESET ROLE;

DROP ROLE fanout_nobody;
DROP TABLE customer, parted, updated;
DROP VIEW no_table;
DROP SCHEMA "1 schema;" CASCADE;
DROP DOMAIN small;
DROP TYPE mood;
DROP FUNCTION extension_objects;
DROP EXTENSION pg_fanout;
