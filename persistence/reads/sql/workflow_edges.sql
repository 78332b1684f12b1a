-- What the first steps of a workflow wait for.
SELECT d.job_id, coalesce(p.step_name, p.id::text) AS step, d.on_failure, d.satisfied_at IS NOT NULL AS is_satisfied
FROM (SELECT id FROM jobs WHERE workflow_id = :id AND step_name IS NOT NULL ORDER BY seq LIMIT :limit) AS j JOIN job_dependencies d ON d.job_id = j.id JOIN jobs p ON p.id = d.depends_on_job_id
ORDER BY d.job_id, p.seq
