-- Retry every one of the jobs that failed or was cancelled (a new life), or waits for its moment (now).
-- With a pace the oldest begins after the delay, the others one by one behind it.
WITH wanted AS MATERIALIZED (
    SELECT id, status FROM jobs
    WHERE id = ANY(CAST(:ids AS uuid[])) AND (status IN ('failed', 'cancelled') OR status = 'pending' AND scheduled_at > now())
    ORDER BY id FOR UPDATE
),
paced AS (
    SELECT id, status, CASE WHEN CAST(:per_second AS double precision) IS NOT NULL THEN
        now() + (:delay_ms / 1000.0 + (row_number() OVER (ORDER BY id) - 1) / CAST(:per_second AS double precision))
                * interval '1 second' END AS begins_at
    FROM wanted
),
resolved AS (
    UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'requeued', resolved_by = :by
    FROM wanted WHERE dead_letter_jobs.job_id = wanted.id AND resolved_at IS NULL
),
revived AS (
    UPDATE jobs SET
        status = 'pending', retry_count = 0, worker_deaths = 0, scheduled_at = begins_at, completed_at = NULL, result = NULL,
        cancel_requested_at = NULL, cancel_requested_by = NULL, cancel_reason = NULL, progress = NULL
    FROM paced WHERE jobs.id = paced.id AND paced.status IN ('failed', 'cancelled')
    RETURNING jobs.id, jobs.status
),
hurried AS (
    UPDATE jobs SET scheduled_at = begins_at
    FROM paced WHERE jobs.id = paced.id AND paced.status = 'pending'
    RETURNING jobs.id, jobs.status
)
SELECT id, status::text AS status FROM revived UNION ALL SELECT id, status::text FROM hurried
