-- Retry every one of the jobs that failed or was cancelled (a new life), or waits for its moment (now).
WITH wanted AS MATERIALIZED (
    SELECT id, status FROM jobs
    WHERE id = ANY(CAST(:ids AS uuid[])) AND (status IN ('failed', 'cancelled') OR status = 'pending' AND scheduled_at > now())
    ORDER BY id FOR UPDATE
),
resolved AS (
    UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'requeued', resolved_by = :by
    FROM wanted WHERE dead_letter_jobs.job_id = wanted.id AND resolved_at IS NULL
),
revived AS (
    UPDATE jobs SET
        status = 'pending', retry_count = 0, worker_deaths = 0, scheduled_at = NULL, completed_at = NULL, result = NULL,
        cancel_requested_at = NULL, cancel_requested_by = NULL, cancel_reason = NULL, progress = NULL
    FROM wanted WHERE jobs.id = wanted.id AND wanted.status IN ('failed', 'cancelled')
    RETURNING jobs.id, jobs.status
),
hurried AS (
    UPDATE jobs SET scheduled_at = NULL
    FROM wanted WHERE jobs.id = wanted.id AND wanted.status = 'pending'
    RETURNING jobs.id, jobs.status
)
SELECT id, status::text AS status FROM revived UNION ALL SELECT id, status::text FROM hurried
