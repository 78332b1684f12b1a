-- Give a job that failed or was cancelled a new life. attempt and dispatch_seq go on counting: old messages stay void.
WITH revived AS (
    UPDATE jobs SET
        status = 'pending', retry_count = 0, worker_deaths = 0, scheduled_at = NULL, completed_at = NULL, result = NULL,
        cancel_requested_at = NULL, cancel_requested_by = NULL, cancel_reason = NULL, progress = NULL,
        -- With another payload, an iteration begins anew.
        checkpoint = CASE WHEN CAST(:payload AS jsonb) IS NULL THEN checkpoint END,
        payload = coalesce(CAST(:payload AS jsonb), payload)
    WHERE id = :id AND status IN ('failed', 'cancelled')
    RETURNING id
),
resolved AS (
    UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'requeued', resolved_by = :by
    FROM revived WHERE dead_letter_jobs.job_id = revived.id AND resolved_at IS NULL
)
SELECT id FROM revived
