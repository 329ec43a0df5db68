-- A database in WIN1252, which leaves five bytes without a character.
-- database: ENCODING 'WIN1252' LOCALE 'C' TEMPLATE template0

-- test: every byte
SET client_encoding = 'WIN1252';
CREATE TABLE bytes (id int PRIMARY KEY, t text, a text[], n name, j json);
INSERT INTO bytes SELECT n, convert_from(set_byte('\x00', 0, n), 'WIN1252'), ARRAY[convert_from(set_byte('\x2200', 1, n), 'WIN1252')], convert_from(set_byte('\x00', 0, n), 'WIN1252')::name, to_json(convert_from(set_byte('\x00', 0, n), 'WIN1252')) FROM generate_series(1, 255) n;
UPDATE bytes SET t = t || t;
SELECT 1 FROM pg_logical_emit_message(true, convert_from('\x8180', 'WIN1252'), 'x');
