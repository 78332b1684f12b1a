-- A job with its attempts, oldest first, and the jobs that it depends on: one round trip for the question asked most.
SELECT
    j.id, j.id AS job_id, j.job_type, j.queue_name, j.status::text AS status, j.priority, j.retry_count, j.max_retries,
    j.timeout_ms, j.attempt, j.scheduled_at, j.expires_at, j.started_at, j.completed_at, j.created_at, j.updated_at, j.created_by,
    j.metadata, j.progress, j.error_message, j.worker_id, j.blocked_by, j.cancel_requested_at, j.cancel_requested_by,
    j.cancel_reason, j.schedule_id, j.workflow_id, j.step_name, j.payload, j.result, j.idempotency_key,
    coalesce((
        SELECT json_agg(json_build_object(
            'attempt', e.attempt, 'outcome', e.outcome, 'worker_id', e.worker_id,
            'started_at', e.started_at, 'finished_at', e.finished_at,
            'duration_ms', (extract(epoch FROM e.finished_at - e.started_at) * 1000)::bigint,
            'error_type', e.error_type, 'error_message', e.error_message, 'traceback', e.traceback) ORDER BY e.id)
        FROM job_executions e WHERE e.job_id = j.id
    ), '[]') AS executions,
    coalesce((
        SELECT json_agg(json_build_object(
            'job_id', p.id, 'job_type', p.job_type, 'status', p.status, 'on_failure', d.on_failure,
            'satisfied_at', d.satisfied_at) ORDER BY p.id)
        FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id WHERE d.job_id = j.id
    ), '[]') AS dependencies,
    (SELECT max(l.id) FROM dead_letter_jobs l WHERE l.job_id = j.id AND l.resolved_at IS NULL) AS dead_letter_id
FROM jobs j
WHERE j.id = :id
