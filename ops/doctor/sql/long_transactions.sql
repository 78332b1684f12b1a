-- Open for too long, or idle in between for too long; the oldest first. What another role does is seen only by a member of
-- pg_read_all_stats.
SELECT pid, application_name, state, extract(epoch FROM now() - xact_start)::float AS open_s
FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL
    AND (now() - xact_start > :long_s * interval '1 second'
        OR state LIKE 'idle in transaction%' AND now() - state_change > :idle_s * interval '1 second')
ORDER BY xact_start
