-- Job types with jobs that could run now, which no live worker registers; a walk along the ready index finds the types.
SELECT job_type, count(*) AS jobs
FROM (SELECT job_type FROM jobs WHERE status = 'pending' AND ready LIMIT 100000) AS waiting
WHERE NOT EXISTS (
    SELECT FROM workers
    WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
        AND waiting.job_type = ANY(job_types)
)
GROUP BY job_type ORDER BY jobs DESC
