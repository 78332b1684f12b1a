-- How archived jobs ended; columns as in watched_jobs.
SELECT a.id, a.job_type, a.queue_name, a.status::text AS status, a.priority, r.attempt, r.retry_count, a.progress, r.error_message,
    r.scheduled_at, r.cancel_requested_at, a.completed_at, a.updated_at
FROM job_archive a CROSS JOIN LATERAL jsonb_populate_record(NULL::jobs, a.rest) AS r
WHERE a.id = ANY(CAST(:ids AS uuid[]))
