-- Make a job wait for others. Ordered, so that two callers lock shared parents in one order.
INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
SELECT :job_id, parent, :on_failure FROM unnest(CAST(:parents AS uuid[])) AS parent ORDER BY parent
