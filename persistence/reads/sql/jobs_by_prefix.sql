-- Jobs with ids of one beginning, newest first.
SELECT
    id, job_type, queue_name, status::text AS status, priority, retry_count, max_retries, timeout_ms, attempt, scheduled_at,
    started_at, completed_at, created_at, updated_at, created_by, metadata, progress, error_message, worker_id, blocked_by,
    cancel_requested_at, cancel_requested_by, cancel_reason, schedule_id, workflow_id, step_name
FROM jobs WHERE id BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid) ORDER BY id DESC LIMIT 10
