-- The lanes of the live workers: what each can run, with how many threads, and whether a limit may hold some of it back:
-- of a queue (is_limited), or of a job type (is_gated).
CREATE OR REPLACE FUNCTION live_lanes(silence_ms integer)
RETURNS TABLE (
    lane varchar, queues varchar[], job_types varchar[], threads integer, workers integer, is_limited boolean, is_gated boolean
)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        lane, queues, job_types, sum(threads)::integer AS threads, count(*)::integer AS workers,
        EXISTS (SELECT FROM job_queues q WHERE q.name = ANY(queues) AND q.max_running IS NOT NULL) AS is_limited,
        EXISTS (
            SELECT FROM unnest(job_types) AS known CROSS JOIN LATERAL (
                SELECT FROM jobs WHERE status = 'pending' AND gated AND job_type = known
                ORDER BY job_type, limit_key, priority DESC, seq LIMIT 1
            ) AS waiting
        ) AS is_gated
    FROM workers
    WHERE kind = 'worker' AND state = 'running' AND quieted_at IS NULL AND lane IS NOT NULL
      AND last_seen_at > now() - silence_ms * interval '1 millisecond'
    GROUP BY lane, queues, job_types;
END
$$;
