-- An archived job with its attempts and the jobs that it depended on; columns as in job_detail.
SELECT
    a.id, a.id AS job_id, a.job_type, a.queue_name, a.status::text AS status, a.priority, r.retry_count, r.max_retries,
    r.timeout_ms, r.attempt, r.scheduled_at, r.expires_at, r.started_at, a.completed_at, a.created_at, a.updated_at, a.created_by,
    a.metadata, a.progress, r.error_message, r.worker_id, r.blocked_by, r.cancel_requested_at, r.cancel_requested_by,
    r.cancel_reason, r.schedule_id, r.workflow_id, r.step_name, a.payload, a.result, r.idempotency_key, a.archived_at,
    coalesce((
        SELECT json_agg(json_build_object(
            'attempt', e.attempt, 'outcome', e.outcome, 'worker_id', e.worker_id,
            'started_at', e.started_at, 'finished_at', e.finished_at,
            'duration_ms', (extract(epoch FROM e.finished_at - e.started_at) * 1000)::bigint,
            'error_type', e.error_type, 'error_message', e.error_message, 'traceback', e.traceback) ORDER BY e.id)
        FROM jsonb_populate_recordset(NULL::job_executions, a.executions) AS e
    ), '[]') AS executions,
    coalesce((
        SELECT json_agg(json_build_object(
            'job_id', d.depends_on_job_id, 'job_type', d.job_type, 'status', d.status, 'on_failure', d.on_failure,
            'satisfied_at', d.satisfied_at) ORDER BY d.depends_on_job_id)
        FROM jsonb_to_recordset(a.dependencies) AS d (
            depends_on_job_id uuid, job_type text, status text, on_failure text, satisfied_at timestamptz)
    ), '[]') AS dependencies,
    NULL::bigint AS dead_letter_id
FROM job_archive a CROSS JOIN LATERAL jsonb_populate_record(NULL::jobs, a.rest) AS r
WHERE a.id = :id
