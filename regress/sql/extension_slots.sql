-- The view of slots, as far as it needs no consumer.
CREATE EXTENSION pg_fanout;
CREATE TABLE ledger (id int PRIMARY KEY);
SELECT 'ready' FROM pg_create_logical_replication_slot('watched', 'pg_fanout');
SELECT 'ready' FROM pg_create_physical_replication_slot('physical');

SELECT slot_name, plugin, database = current_database() AS here, active,
    active_pid, wal_status, lag_bytes >= 0 AS lag, retained_bytes >= lag_bytes AS retained,
    safe_wal_size, lag_time,
    regexp_replace(held_back_by, ' since [^;]*', '') AS held_back_by
FROM fanout.slots WHERE slot_name IN ('watched', 'physical');

-- Lag grows with what is written and goes with what is confirmed.
SELECT lag_bytes AS before FROM fanout.slots WHERE slot_name = 'watched' \gset
INSERT INTO ledger SELECT generate_series(1, 1000);
SELECT lag_bytes - :before > 1000 * 50 AS grown FROM fanout.slots WHERE slot_name = 'watched';
SELECT count(*) > 1000 AS consumed FROM fanout.get('watched');
SELECT lag_bytes < 1000 * 50 AS shrunk FROM fanout.slots WHERE slot_name = 'watched';

-- A prepared transaction keeps WAL that the consumer has confirmed.
BEGIN;
INSERT INTO ledger VALUES (0);
PREPARE TRANSACTION 'pg_fanout_open';
CHECKPOINT;
SELECT count(*) >= 0 AS consumed FROM fanout.get('watched');
SELECT regexp_replace(regexp_replace(held_back_by, ' since [^;]*', ''),
        'xid \d+(.*) for [^)]*', 'xid N\1 for T') AS held_back_by
FROM fanout.slots WHERE slot_name = 'watched';
ROLLBACK PREPARED 'pg_fanout_open';
SELECT held_back_by ~ 'pg_fanout_open' AS still FROM fanout.slots WHERE slot_name = 'watched';

SELECT 'dropped' FROM pg_drop_replication_slot('watched');
SELECT 'dropped' FROM pg_drop_replication_slot('physical');
DROP TABLE ledger;
DROP EXTENSION pg_fanout;
