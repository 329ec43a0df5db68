-- Databases in other encodings: UTF-8 on the wire, and never an error.
\pset format unaligned
\pset tuples_only on
\set regression :DBNAME
CREATE DATABASE enc_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE enc_eucjp ENCODING 'EUC_JP' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE enc_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;
-- LATIN1
\c enc_latin1
SET client_min_messages = warning;
SELECT 'created' FROM pg_create_logical_replication_slot('enc', 'pg_fanout');
\set column 'gr' `printf '\303\266\303\237e'`
SET client_encoding = 'UTF8';
CREATE TABLE enc (id int PRIMARY KEY, :"column" text, n name, v varchar(3)[], e json);
INSERT INTO enc VALUES (1, convert_from('\xe920fc', 'LATIN1'), convert_from('\xe4', 'LATIN1')::name, ARRAY[convert_from('\xff', 'LATIN1')::varchar], convert_from('\x22e922', 'LATIN1')::json);
INSERT INTO enc VALUES (2, repeat(convert_from('\xe9', 'LATIN1'), 20000), NULL, NULL, NULL);
SELECT 'sent' FROM pg_logical_emit_message(false, convert_from('\xe9', 'LATIN1'), '\xe9'::bytea);
CREATE TABLE flush ();
CREATE FUNCTION wire() RETURNS text LANGUAGE sql AS $$ SELECT encode(string_agg(data, '' ORDER BY lsn), 'hex') FROM pg_logical_slot_peek_binary_changes('enc', NULL, NULL, 'messages', 'on') $$;
-- the column, the text, the name, the array, the json, the message
SELECT strpos(wire(), encode('gr', 'hex') || 'c3b6c39f' || encode('e', 'hex')) > 0, strpos(wire(), 'c3a920c3bc') > 0, strpos(wire(), '02c3a4') > 0,
	strpos(wire(), 'c3bf') > 0, strpos(wire(), '22c3a922') > 0, strpos(wire(), '1a02c3a9') > 0, strpos(wire(), '2201e9') > 0;
SELECT strpos(wire(), repeat('c3a9', 20000)) > 0;
SELECT pg_drop_replication_slot('enc');
-- EUC_JP, with a character that Unicode lacks
\c enc_eucjp
SET client_min_messages = warning;
SELECT 'created' FROM pg_create_logical_replication_slot('enc', 'pg_fanout');
CREATE TABLE enc (id int PRIMARY KEY, t text);
INSERT INTO enc VALUES (1, convert_from('\xc6fccbdc', 'EUC_JP')), (2, 'a' || convert_from('\xa9a1', 'EUC_JP') || 'b'), (3, repeat(convert_from('\xc6fc', 'EUC_JP') || 'x', 10000));
CREATE FUNCTION wire() RETURNS text LANGUAGE sql AS $$ SELECT encode(string_agg(data, '' ORDER BY lsn), 'hex') FROM pg_logical_slot_peek_binary_changes('enc', NULL, NULL) $$;
SELECT strpos(wire(), 'e697a5e69cac') > 0, strpos(wire(), '61efbfbd62') > 0, strpos(wire(), repeat('e697a578', 10000)) > 0;
SELECT pg_drop_replication_slot('enc');
-- SQL_ASCII: valid UTF-8 passes, other bytes do not
\c enc_ascii
SET client_min_messages = warning;
SELECT 'created' FROM pg_create_logical_replication_slot('enc', 'pg_fanout');
CREATE TABLE enc (id int PRIMARY KEY, t text);
INSERT INTO enc VALUES (1, convert_from('\x61e9c3a962', 'SQL_ASCII')), (2, convert_from('\xf09f9880', 'SQL_ASCII')), (3, convert_from('\xe697', 'SQL_ASCII')), (4, repeat(convert_from('\xe697a5', 'SQL_ASCII'), 10000)), (5, repeat(convert_from('\xff', 'SQL_ASCII'), 10000));
CREATE FUNCTION wire() RETURNS text LANGUAGE sql AS $$ SELECT encode(string_agg(data, '' ORDER BY lsn), 'hex') FROM pg_logical_slot_peek_binary_changes('enc', NULL, NULL) $$;
SELECT strpos(wire(), '61efbfbdc3a962') > 0, strpos(wire(), 'f09f9880') > 0, strpos(wire(), 'efbfbdefbfbd') > 0, strpos(wire(), repeat('e697a5', 10000)) > 0, strpos(wire(), repeat('efbfbd', 10000)) > 0;
SELECT pg_drop_replication_slot('enc');
\c :regression
DROP DATABASE enc_latin1;
DROP DATABASE enc_eucjp;
DROP DATABASE enc_ascii;
