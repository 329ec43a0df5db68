\echo Use "CREATE EXTENSION pg_fanout" to load this file. \quit

-- The version before the first release. It is kept so that the way from one
-- version to the next is tested from the start.

GRANT USAGE ON SCHEMA fanout TO PUBLIC;

CREATE FUNCTION fanout.version() RETURNS pg_catalog.text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pg_fanout_version';
COMMENT ON FUNCTION fanout.version() IS
'Version of the library, which is also the output plugin.';
