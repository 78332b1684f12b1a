-- Ready jobs, by queue and job type, that no live worker can run: none serves the queue and knows the type. Counted up to 1,000.
SELECT queue_name, job_type,
    (SELECT count(*) FROM (
        SELECT FROM jobs j
        WHERE j.status = 'pending' AND j.ready AND j.queue_name = pairs.queue_name AND j.job_type = pairs.job_type LIMIT 1000
    ) AS counted) AS jobs
FROM ready_pairs() AS pairs
WHERE NOT EXISTS (
    SELECT FROM workers
    WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
        AND pairs.queue_name = ANY(queues) AND pairs.job_type = ANY(job_types)
)
ORDER BY jobs DESC, queue_name, job_type
