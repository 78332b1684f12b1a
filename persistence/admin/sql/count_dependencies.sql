-- How many jobs each job still waits for.
UPDATE jobs SET blocked_by = waiting.number
FROM (SELECT job_id, count(*) FILTER (WHERE satisfied_at IS NULL) AS number FROM job_dependencies GROUP BY job_id) AS waiting
WHERE jobs.id = waiting.job_id AND jobs.blocked_by <> waiting.number
