-- The jobs that wait for a job.
SELECT j.id, j.step_name, d.on_failure FROM job_dependencies d JOIN jobs j ON j.id = d.job_id
WHERE d.depends_on_job_id = :id AND d.satisfied_at IS NULL AND j.status = 'pending' ORDER BY j.id
