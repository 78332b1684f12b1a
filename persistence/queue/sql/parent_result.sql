-- The result of a completed step of the same workflow, or of a completed job that was waited for.
SELECT p.result FROM jobs me JOIN jobs p ON p.workflow_id = me.workflow_id AND p.step_name = :name
WHERE me.id = :id AND p.status = 'completed'
UNION ALL
SELECT p.result FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
WHERE d.job_id = :id AND d.depends_on_job_id = CAST(:parent AS uuid) AND p.status = 'completed'
LIMIT 1
