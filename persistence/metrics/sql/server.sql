-- The whole server: how much it wrote to its log since it was made, its connections, and its oldest open snapshot in seconds.
SELECT
    pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')::double precision AS wal_bytes,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
    current_setting('max_connections')::integer AS max_connections,
    coalesce((
        SELECT extract(epoch FROM now() - min(xact_start)) FROM pg_stat_activity
        WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
    ), 0)::double precision AS oldest_snapshot_age_s
