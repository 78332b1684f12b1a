-- Give some jobs of a workflow that failed or were cancelled a new life; see requeue.sql.
WITH wanted AS (
    SELECT id FROM jobs WHERE workflow_id = :id AND status IN ('failed', 'cancelled') AND status NOT IN ('queued', 'running')
    ORDER BY id LIMIT :rows FOR UPDATE
),
revived AS (
    UPDATE jobs SET
        status = 'pending', retry_count = 0, worker_deaths = 0, scheduled_at = NULL, completed_at = NULL, result = NULL,
        cancel_requested_at = NULL, cancel_requested_by = NULL, cancel_reason = NULL, progress = NULL
    WHERE id = ANY(ARRAY(SELECT id FROM wanted))
    RETURNING id
),
resolved AS (
    UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'requeued', resolved_by = :by
    WHERE job_id = ANY(ARRAY(SELECT id FROM wanted)) AND resolved_at IS NULL
)
SELECT id FROM revived
