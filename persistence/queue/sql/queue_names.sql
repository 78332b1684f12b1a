-- Names of the queues that there are: a job type, a job, a live worker or a setting names them. As in list_queues.
WITH RECURSIVE ready_names AS (
    (SELECT queue_name FROM jobs WHERE status = 'pending' AND ready ORDER BY queue_name LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue_name FROM jobs j
            WHERE j.status = 'pending' AND j.ready AND j.queue_name > r.queue_name ORDER BY j.queue_name LIMIT 1)
    FROM ready_names r WHERE r.queue_name IS NOT NULL
)
SELECT queue_name AS name FROM ready_names WHERE queue_name IS NOT NULL
UNION SELECT queue_name FROM jobs WHERE status = 'queued'
UNION SELECT queue_name FROM jobs WHERE status = 'running'
UNION SELECT unnest(queues) FROM workers
      WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
UNION SELECT name FROM job_queues WHERE paused_at IS NOT NULL OR max_running IS NOT NULL
UNION SELECT queue_name FROM job_types
