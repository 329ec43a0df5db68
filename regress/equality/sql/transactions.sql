-- Savepoints, messages, origins, two-phase commit, large transactions.

-- test: savepoints
CREATE TABLE steps (id int PRIMARY KEY, t text);
BEGIN;
INSERT INTO steps VALUES (1, 'kept');
SAVEPOINT a;
INSERT INTO steps VALUES (2, 'rolled back');
ROLLBACK TO a;
INSERT INTO steps VALUES (3, 'kept');
SAVEPOINT b;
UPDATE steps SET t = 'twice';
RELEASE b;
SAVEPOINT c;
DELETE FROM steps WHERE id = 1;
SAVEPOINT d;
INSERT INTO steps VALUES (4, 'inside');
ROLLBACK TO c;
INSERT INTO steps VALUES (5, 'end');
COMMIT;
BEGIN;
INSERT INTO steps VALUES (6, 'never');
ROLLBACK;
DO $$
BEGIN
	FOR i IN 1..100 LOOP
		BEGIN
			INSERT INTO steps VALUES (100 + i, 'block');
			IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN
			INSERT INTO steps VALUES (300 + i, 'instead');
		END;
	END LOOP;
END $$;

-- test: messages
SELECT 1 FROM pg_logical_emit_message(false, 'outside', 'not transactional');
SELECT 1 FROM pg_logical_emit_message(true, 'inside', 'transactional');
SELECT 1 FROM pg_logical_emit_message(false, 'bytes', '\x00ff'::bytea);
SELECT 1 FROM pg_logical_emit_message(true, 'ümläut', 'ü');
SELECT 1 FROM pg_logical_emit_message(true, '', '');
BEGIN;
INSERT INTO steps VALUES (7, 'before');
SELECT 1 FROM pg_logical_emit_message(true, 'between', 'x');
SELECT 1 FROM pg_logical_emit_message(false, 'at once', 'y');
SAVEPOINT a;
SELECT 1 FROM pg_logical_emit_message(true, 'dropped', 'x');
ROLLBACK TO a;
INSERT INTO steps VALUES (8, 'after');
COMMIT;
BEGIN;
SELECT 1 FROM pg_logical_emit_message(true, 'rolled back', 'x');
SELECT 1 FROM pg_logical_emit_message(false, 'not rolled back', 'x');
ROLLBACK;
SELECT 1 FROM pg_logical_emit_message(false, 'large', repeat('m', 200000));

-- test: origins
SELECT 1 FROM pg_replication_origin_create('the "east"');
SELECT 1 FROM pg_replication_origin_session_setup('the "east"');
BEGIN;
SELECT 1 FROM pg_replication_origin_xact_setup('0/1234', '2024-01-01 00:00+00');
INSERT INTO steps VALUES (9, 'from the east');
COMMIT;
INSERT INTO steps VALUES (10, 'from the east');
SELECT 1 FROM pg_replication_origin_session_reset();
INSERT INTO steps VALUES (11, 'from here');

-- test: two-phase commit
BEGIN;
INSERT INTO steps VALUES (12, 'prepared');
SAVEPOINT a;
INSERT INTO steps VALUES (13, 'dropped');
ROLLBACK TO a;
PREPARE TRANSACTION 'equality one';
INSERT INTO steps VALUES (14, 'between');
COMMIT PREPARED 'equality one';
BEGIN;
INSERT INTO steps VALUES (15, 'prepared in vain');
PREPARE TRANSACTION 'equality two';
ROLLBACK PREPARED 'equality two';

-- test: large ones, with parts that are rolled back
BEGIN;
INSERT INTO steps SELECT 1000 + g, repeat('large ', 20) FROM generate_series(1, 2000) g;
SAVEPOINT a;
INSERT INTO steps SELECT 10000 + g, repeat('dropped ', 20) FROM generate_series(1, 2000) g;
ROLLBACK TO a;
SAVEPOINT b;
INSERT INTO steps SELECT 20000 + g, repeat('kept ', 20) FROM generate_series(1, 2000) g;
RELEASE b;
UPDATE steps SET t = 'x' WHERE id BETWEEN 20000 AND 20500;
SELECT 1 FROM pg_logical_emit_message(true, 'in a large one', 'x');
DELETE FROM steps WHERE id > 21000;
COMMIT;
BEGIN;
INSERT INTO steps SELECT 30000 + g, repeat('never ', 20) FROM generate_series(1, 2000) g;
ROLLBACK;

-- test: several tables in one transaction
CREATE TABLE left_side (id int PRIMARY KEY, n int);
CREATE TABLE right_side (id int PRIMARY KEY, n int REFERENCES left_side ON DELETE CASCADE ON UPDATE CASCADE);
BEGIN;
INSERT INTO left_side VALUES (1, 1), (2, 2);
INSERT INTO right_side VALUES (1, 1), (2, 2);
UPDATE left_side SET id = id + 10;
DELETE FROM left_side WHERE id = 11;
COMMIT;
