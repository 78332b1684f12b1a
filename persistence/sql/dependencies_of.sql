SELECT d.depends_on_job_id AS job_id, p.job_type, p.status::text AS status, d.on_failure, d.satisfied_at
FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
WHERE d.job_id = :id
ORDER BY d.depends_on_job_id
