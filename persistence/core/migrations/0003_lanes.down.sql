CREATE OR REPLACE FUNCTION get_ready_jobs(limit_count integer) RETURNS SETOF jobs
LANGUAGE sql STABLE ROWS 100 SET search_path FROM CURRENT SET enable_sort = off AS $$
    WITH RECURSIVE queues AS (
        (SELECT queue_name FROM jobs WHERE status = 'pending' AND ready ORDER BY queue_name LIMIT 1)
        UNION ALL
        SELECT (SELECT j.queue_name FROM jobs j
                WHERE j.status = 'pending' AND j.ready AND j.queue_name > q.queue_name ORDER BY j.queue_name LIMIT 1)
        FROM queues q WHERE q.queue_name IS NOT NULL
    ),
    candidates AS (
        SELECT j.* FROM queues q CROSS JOIN LATERAL (
            SELECT * FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = q.queue_name AND cancel_requested_at IS NULL
            ORDER BY priority DESC, seq LIMIT limit_count
        ) j
        UNION ALL
        (SELECT * FROM jobs
         WHERE status = 'pending' AND NOT ready AND blocked_by = 0 AND scheduled_at <= now()
           AND cancel_requested_at IS NULL
         ORDER BY scheduled_at)
    )
    SELECT * FROM candidates ORDER BY priority DESC, seq LIMIT limit_count
$$;

DROP FUNCTION ready_pairs();

DROP INDEX jobs_ready_idx;
CREATE INDEX jobs_ready_idx ON jobs (queue_name, priority DESC, seq) WHERE status = 'pending' AND ready;

ALTER TABLE workers DROP COLUMN lane, DROP COLUMN quieted_at, DROP COLUMN schema_digests;
