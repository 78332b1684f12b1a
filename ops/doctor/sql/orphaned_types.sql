-- Types of the jobs that could run now (the first 100,000 tell enough) which no live worker registers.
SELECT job_type, jobs
FROM (
    SELECT job_type, count(*) AS jobs
    FROM (SELECT job_type FROM jobs WHERE status = 'pending' AND ready LIMIT 100000) AS looked_at
    GROUP BY job_type
) AS waiting
WHERE NOT EXISTS (
    SELECT FROM workers
    WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
        AND waiting.job_type = ANY(job_types)
)
ORDER BY jobs DESC
