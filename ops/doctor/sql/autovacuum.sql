-- Whether it runs at all, and tables of ours for which somebody has switched it off.
SELECT
    current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean AS is_on,
    array(
        SELECT relname::text FROM pg_class
        WHERE relnamespace = to_regnamespace(:schema) AND 'autovacuum_enabled=false' = ANY(reloptions)
            AND relname IN ('jobs', 'job_executions', 'job_dependencies', 'dead_letter_jobs', 'workers', 'job_counters')
        ORDER BY relname
    ) AS switched_off
