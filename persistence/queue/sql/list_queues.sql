-- Compiling this takes longer than running it, and the planner guesses otherwise.
SET LOCAL jit = off;
-- Names come from the small tables and from a walk over the ready index, queue by queue: the backlog is never scanned.
WITH RECURSIVE ready_names AS (
    (SELECT queue_name FROM jobs WHERE status = 'pending' AND ready ORDER BY queue_name LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue_name FROM jobs j
            WHERE j.status = 'pending' AND j.ready AND j.queue_name > r.queue_name ORDER BY j.queue_name LIMIT 1)
    FROM ready_names r WHERE r.queue_name IS NOT NULL
),
moving AS (
    SELECT queue_name, count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'running') AS running
    FROM (SELECT queue_name, status FROM jobs WHERE status = 'queued'
          UNION ALL SELECT queue_name, status FROM jobs WHERE status = 'running') j
    GROUP BY queue_name
),
served AS (
    SELECT queue_name, count(*) AS workers, sum(threads) AS threads
    FROM workers, unnest(queues) AS queue_name
    WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
    GROUP BY queue_name
),
names AS (
    SELECT queue_name AS name FROM ready_names WHERE queue_name IS NOT NULL
    UNION SELECT queue_name FROM moving
    UNION SELECT queue_name FROM served
    UNION SELECT name FROM job_queues WHERE paused_at IS NOT NULL OR max_running IS NOT NULL
    UNION SELECT queue_name FROM job_types
)
SELECT
    names.name,
    (SELECT count(*) FROM (SELECT FROM jobs WHERE status = 'pending' AND ready AND queue_name = names.name LIMIT :counted) j)
        AS ready,
    coalesce(moving.queued, 0) AS queued,
    coalesce(moving.running, 0) AS running,
    coalesce(served.workers, 0) AS workers,
    coalesce(served.threads, 0)::integer AS threads,
    q.paused_at, q.paused_by, q.pause_reason, q.max_running
FROM names
LEFT JOIN moving ON moving.queue_name = names.name
LEFT JOIN served ON served.queue_name = names.name
LEFT JOIN job_queues q ON q.name = names.name
ORDER BY names.name
