SELECT id, job_type, queue_name, status::text AS status, priority, attempt, retry_count, progress, error_message,
    scheduled_at, cancel_requested_at, completed_at, updated_at
FROM jobs WHERE id = ANY(CAST(:ids AS uuid[]))
