-- The attempts of an archived job, oldest first.
SELECT e.id, a.id AS job_id, e.attempt, e.outcome, e.worker_id, e.started_at, e.finished_at, e.error_type, e.error_message,
    e.traceback, e.created_at, e.updated_at
FROM job_archive a CROSS JOIN LATERAL jsonb_populate_recordset(NULL::job_executions, a.executions) AS e
WHERE a.id = :id ORDER BY e.id
