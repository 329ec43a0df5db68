-- Only what was changed here.
-- needs: 16
-- options: origin=none

-- test: changes of an origin are left out
CREATE TABLE steps (id int PRIMARY KEY);
SELECT 1 FROM pg_replication_origin_create('equality west');
SELECT 1 FROM pg_replication_origin_session_setup('equality west');
INSERT INTO steps VALUES (1);
SELECT 1 FROM pg_replication_origin_session_reset();
INSERT INTO steps VALUES (2);
SELECT 1 FROM pg_replication_origin_drop('equality west');
