\echo Use "CREATE EXTENSION pg_fanout" to load this file. \quit

-- No function here runs with other rights than its caller's: reading a slot
-- takes what the server's own functions ask for.
GRANT USAGE ON SCHEMA fanout TO PUBLIC;

CREATE FUNCTION fanout.version() RETURNS pg_catalog.text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pg_fanout_version';
COMMENT ON FUNCTION fanout.version() IS
'Version of the library, which is also the output plugin.';

CREATE FUNCTION fanout.peek(
    slot pg_catalog.name,
    upto_lsn pg_catalog.pg_lsn DEFAULT NULL,
    upto_nchanges pg_catalog.int4 DEFAULT NULL,
    VARIADIC options pg_catalog.text[] DEFAULT '{}',
    OUT lsn pg_catalog.pg_lsn,
    OUT xid pg_catalog.xid,
    OUT record pg_catalog.jsonb)
    RETURNS SETOF pg_catalog.record
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000 COST 1000
    AS 'MODULE_PATHNAME', 'pg_fanout_peek';
COMMENT ON FUNCTION fanout.peek(pg_catalog.name, pg_catalog.pg_lsn, pg_catalog.int4, pg_catalog.text[]) IS
'Records that a slot of the plugin pg_fanout would send, without consuming them. options are the plugin''s: names and values by turns. Needs the REPLICATION attribute, as pg_logical_slot_peek_binary_changes does.';

CREATE FUNCTION fanout.get(
    slot pg_catalog.name,
    upto_lsn pg_catalog.pg_lsn DEFAULT NULL,
    upto_nchanges pg_catalog.int4 DEFAULT NULL,
    VARIADIC options pg_catalog.text[] DEFAULT '{}',
    OUT lsn pg_catalog.pg_lsn,
    OUT xid pg_catalog.xid,
    OUT record pg_catalog.jsonb)
    RETURNS SETOF pg_catalog.record
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000 COST 1000
    AS 'MODULE_PATHNAME', 'pg_fanout_get';
COMMENT ON FUNCTION fanout.get(pg_catalog.name, pg_catalog.pg_lsn, pg_catalog.int4, pg_catalog.text[]) IS
'The same as peek, but the slot moves past what is shown, even if the statement fails or is rolled back later. For tests: a consumer reads the slot by replication.';

CREATE FUNCTION fanout.proto(
    "table" pg_catalog.regclass,
    package pg_catalog.text DEFAULT NULL)
    RETURNS pg_catalog.text
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pg_fanout_proto';
COMMENT ON FUNCTION fanout.proto(pg_catalog.regclass, pg_catalog.text) IS
'The .proto file that consumers of the table''s records compile. package: of the file; by default "fanout." and the schema.';

CREATE FUNCTION fanout.resnapshot(
    "table" pg_catalog.regclass,
    sink pg_catalog.text DEFAULT NULL,
    slot pg_catalog.name DEFAULT NULL)
    RETURNS pg_catalog.pg_lsn
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on
    AS $$
    SELECT pg_catalog.pg_logical_emit_message(true, 'pg_fanout.resnapshot',
        pg_catalog.convert_to(pg_catalog.json_build_object(
            'tables', pg_catalog.json_agg(
                pg_catalog.regexp_replace(n.nspname, '([][*?\\.,])', '\\\1', 'g') || '.' ||
                pg_catalog.regexp_replace(c.relname, '([][*?\\.,])', '\\\1', 'g')
                ORDER BY c.oid),
            'slot', $3, 'sink', $2)::pg_catalog.text, 'UTF8'))
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = $1 OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1))
    HAVING pg_catalog.count(*) > 0
    $$;
COMMENT ON FUNCTION fanout.resnapshot(pg_catalog.regclass, pg_catalog.text, pg_catalog.name) IS
'Asks relays to send all rows of the table again, beside the stream: once the transaction has committed and they get there. sink: to that one only; slot: by the relay of that one only. Returns where the request is in the WAL; NULL if there is no such table. Whether a relay sends the table at all is not looked at.';

-- The columns of pg_replication_slots differ between server versions; as JSON a
-- missing one is NULL.
CREATE VIEW fanout.slots AS
WITH slot AS (
    SELECT s.*,
        pg_catalog.to_jsonb(s) AS more,
        CASE WHEN pg_catalog.pg_is_in_recovery()
            THEN COALESCE(pg_catalog.pg_last_wal_receive_lsn(),
                          pg_catalog.pg_last_wal_replay_lsn())
            ELSE pg_catalog.pg_current_wal_lsn() END AS wal_position
    FROM pg_catalog.pg_replication_slots s
    WHERE s.slot_type = 'logical'
), open_transaction AS (
    SELECT xid, pid, gid, since
    FROM (SELECT a.backend_xid AS xid, a.pid, NULL AS gid, a.xact_start AS since
          FROM pg_catalog.pg_stat_activity a
          WHERE a.backend_xid IS NOT NULL
              AND a.pid <> pg_catalog.pg_backend_pid()
          UNION ALL
          SELECT p.transaction, NULL, p.gid, p.prepared
          FROM pg_catalog.pg_prepared_xacts p) t
    ORDER BY pg_catalog.age(xid) DESC LIMIT 1
), reason AS (
    SELECT slot.slot_name,
        CASE
            WHEN more->>'invalidation_reason' IS NOT NULL THEN
                'invalidated: ' || (more->>'invalidation_reason')
            WHEN (more->>'conflicting')::pg_catalog.bool THEN
                'invalidated: conflict with recovery'
            WHEN wal_status = 'lost' THEN
                'invalidated: wal_removed'
        END AS invalid,
        CASE
            WHEN NOT active THEN
                'no consumer is connected' ||
                COALESCE(' since ' || (more->>'inactive_since')::pg_catalog.timestamptz(0)::pg_catalog.text, '')
            WHEN wal_position > confirmed_flush_lsn THEN
                pg_catalog.format('consumer pid %s has confirmed up to %s, is %s bytes behind',
                    active_pid, confirmed_flush_lsn,
                    wal_position - confirmed_flush_lsn)
        END AS consumer,
        'oldest open transaction (xid ' || o.xid ||
            COALESCE(', pid ' || o.pid, '') ||
            COALESCE(', prepared as ' || pg_catalog.quote_literal(o.gid), '') ||
            COALESCE(', for ' || pg_catalog.date_trunc('second', pg_catalog.now() - o.since), '') ||
            ') holds restart_lsn' AS transaction
    FROM slot LEFT JOIN open_transaction o
        ON slot.restart_lsn < slot.confirmed_flush_lsn
)
SELECT slot.slot_name,
    slot.plugin,
    slot.database,
    slot.active,
    slot.active_pid,
    slot.wal_status,
    slot.wal_position - slot.confirmed_flush_lsn AS lag_bytes,
    slot.wal_position - slot.restart_lsn AS retained_bytes,
    slot.safe_wal_size,
    CASE WHEN slot.active AND slot.wal_position <= slot.confirmed_flush_lsn
        THEN '0'::pg_catalog.interval
        ELSE r.flush_lag END AS lag_time,
    COALESCE(reason.invalid,
        NULLIF(pg_catalog.concat_ws('; ', reason.consumer, reason.transaction), '')) AS held_back_by
FROM slot
JOIN reason USING (slot_name)
LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = slot.active_pid;
GRANT SELECT ON fanout.slots TO PUBLIC;

COMMENT ON VIEW fanout.slots IS
'Logical slots: how far behind they are and what holds them back. How long other roles'' transactions have been open is shown to members of pg_monitor only.';
COMMENT ON COLUMN fanout.slots.lag_bytes IS
'WAL written (on a standby: received) that the consumer has not confirmed.';
COMMENT ON COLUMN fanout.slots.retained_bytes IS
'WAL kept on disk for the slot: from restart_lsn, which is never ahead of the start of the oldest transaction still open at the confirmed position.';
COMMENT ON COLUMN fanout.slots.safe_wal_size IS
'Bytes that can still be written before the slot may be lost; NULL: no limit (max_slot_wal_keep_size), or lost.';
COMMENT ON COLUMN fanout.slots.lag_time IS
'How long the latest WAL of which the consumer confirmed the flush had waited for that (pg_stat_replication.flush_lag); 0: all confirmed; NULL: not measured, or no consumer is connected.';
COMMENT ON COLUMN fanout.slots.held_back_by IS
'Why the slot does not move or WAL is kept; NULL: nothing is known to hold it back.';
