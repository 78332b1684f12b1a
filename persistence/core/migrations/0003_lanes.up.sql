-- A worker fetches only job types that it knows: workers that serve the same queues and know the same job types share a lane,
-- and ready jobs are found by queue and job type.

ALTER TABLE workers
    ADD COLUMN lane varchar(40),
    -- A quiet worker finishes what it runs and begins nothing new.
    ADD COLUMN quieted_at timestamptz,
    -- By job type, a digest of the payload schema: two services that define one name differently are told.
    ADD COLUMN schema_digests jsonb NOT NULL DEFAULT '{}';

DROP INDEX jobs_ready_idx;
CREATE INDEX jobs_ready_idx ON jobs (queue_name, job_type, priority DESC, seq) WHERE status = 'pending' AND ready;

-- The pairs of queue and job type that have ready jobs, each with priority and seq of its first job: a walk over the index, one
-- step for each pair, whatever the backlog is.
CREATE FUNCTION ready_pairs() RETURNS TABLE (queue_name varchar, job_type varchar, priority integer, seq bigint)
LANGUAGE sql STABLE ROWS 10 SET search_path FROM CURRENT SET enable_seqscan = off SET enable_sort = off AS $$
    WITH RECURSIVE pairs AS (
        (SELECT j.queue_name, j.job_type, j.priority, j.seq FROM jobs j
         WHERE j.status = 'pending' AND j.ready ORDER BY j.queue_name, j.job_type, j.priority DESC, j.seq LIMIT 1)
        UNION ALL
        SELECT following.* FROM pairs p CROSS JOIN LATERAL (
            SELECT j.queue_name, j.job_type, j.priority, j.seq FROM jobs j
            WHERE j.status = 'pending' AND j.ready AND (j.queue_name, j.job_type) > (p.queue_name, p.job_type)
            ORDER BY j.queue_name, j.job_type, j.priority DESC, j.seq LIMIT 1
        ) following
    )
    SELECT queue_name, job_type, priority, seq FROM pairs
$$;

CREATE OR REPLACE FUNCTION get_ready_jobs(limit_count integer) RETURNS SETOF jobs
LANGUAGE sql STABLE ROWS 100 SET search_path FROM CURRENT SET enable_sort = off AS $$
    WITH candidates AS (
        SELECT j.* FROM ready_pairs() p CROSS JOIN LATERAL (
            SELECT * FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = p.queue_name AND job_type = p.job_type
              AND cancel_requested_at IS NULL
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
