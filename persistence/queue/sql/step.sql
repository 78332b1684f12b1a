-- A step of a workflow, and what it is held by.
SELECT j.id, j.status::text AS status, h.kind, h.signalled_at, h.decided_at
FROM jobs j LEFT JOIN workflow_holds h ON h.job_id = j.id
WHERE j.workflow_id = :workflow_id AND j.step_name = :name
