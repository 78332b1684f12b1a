-- Jobs that a job waited for, some at a time.
SELECT p.id, coalesce(p.step_name, p.id::text) AS name, p.status::text AS status, CASE WHEN :with_results THEN p.result END AS result
FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
WHERE d.job_id = :id AND d.depends_on_job_id > :after
ORDER BY d.depends_on_job_id LIMIT :count
