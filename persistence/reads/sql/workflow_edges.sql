-- What the steps of a workflow wait for.
SELECT d.job_id, coalesce(p.step_name, p.id::text) AS step, d.on_failure, d.satisfied_at IS NOT NULL AS is_satisfied
FROM jobs j JOIN job_dependencies d ON d.job_id = j.id JOIN jobs p ON p.id = d.depends_on_job_id
WHERE j.workflow_id = :id AND j.step_name IS NOT NULL
ORDER BY d.job_id, p.seq
