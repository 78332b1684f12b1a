-- Of clients, and how many the server lets ordinary roles have.
SELECT
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
    (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aeon-jobs') AS ours,
    greatest(1, current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer)
        AS available
