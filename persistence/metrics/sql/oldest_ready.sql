-- For each queue, for how many seconds the job that waits longest is ready. A walk over the ready index, one step for each
-- queue, job type and priority, that looks at the next job of each. At most eight priorities of a job type, and 1,000 steps: what
-- it costs does not depend on the backlog.
WITH RECURSIVE next_jobs AS (
    (SELECT queue_name, job_type, priority, greatest(created_at, scheduled_at, ready_at) AS since, 1 AS step FROM jobs
     WHERE status = 'pending' AND ready ORDER BY queue_name, job_type, priority DESC, seq LIMIT 1)
    UNION ALL
    SELECT following.* FROM next_jobs n CROSS JOIN LATERAL (
        (SELECT j.queue_name, j.job_type, j.priority, greatest(j.created_at, j.scheduled_at, j.ready_at), n.step + 1 FROM jobs j
         WHERE j.status = 'pending' AND j.ready AND j.queue_name = n.queue_name AND j.job_type = n.job_type
           AND j.priority < n.priority AND n.step < 8
         ORDER BY j.queue_name, j.job_type, j.priority DESC, j.seq LIMIT 1)
        UNION ALL
        (SELECT j.queue_name, j.job_type, j.priority, greatest(j.created_at, j.scheduled_at, j.ready_at), 1 FROM jobs j
         WHERE j.status = 'pending' AND j.ready AND (j.queue_name, j.job_type) > (n.queue_name, n.job_type)
         ORDER BY j.queue_name, j.job_type, j.priority DESC, j.seq LIMIT 1)
        LIMIT 1
    ) AS following
),
looked_at AS (SELECT queue_name, since FROM next_jobs LIMIT 1000)
SELECT queue_name, greatest(0, extract(epoch FROM now() - min(since)))::double precision AS age_s
FROM looked_at GROUP BY queue_name
