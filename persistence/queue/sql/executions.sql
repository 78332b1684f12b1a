-- The attempts of a job, oldest first.
SELECT * FROM job_executions WHERE job_id = :id ORDER BY id
