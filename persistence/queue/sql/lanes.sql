-- The lanes of the live workers: what each can run, with how many threads, and whether a limit may hold some of it back:
-- of a queue (is_limited), or of a job type (is_gated).
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
  AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
GROUP BY lane, queues, job_types
