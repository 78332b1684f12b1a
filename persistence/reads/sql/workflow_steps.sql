-- The steps of a workflow, in the order in which they were added.
SELECT
    j.id AS job_id, j.step_name AS name, j.job_type, j.status::text AS status, nullif(h.kind, 'run') AS waits_for,
    coalesce(h.opened_at IS NOT NULL OR h.decided_at IS NOT NULL, false) AS is_reached, h.due_at,
    CASE WHEN h.decided_at IS NOT NULL AND j.status = 'completed' AND j.started_at IS NULL THEN j.result ->> 'skipped' END AS skipped,
    CASE j.status WHEN 'failed' THEN j.error_message WHEN 'cancelled' THEN j.cancel_reason END AS error_message,
    j.started_at, j.completed_at
FROM jobs j LEFT JOIN workflow_holds h ON h.job_id = j.id
WHERE j.workflow_id = :id AND j.step_name IS NOT NULL
ORDER BY j.seq LIMIT :limit
