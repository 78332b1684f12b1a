-- Steps of a workflow by their names, and whether they wait for a job, be it by way of others.
WITH RECURSIVE below AS (
    SELECT job_id FROM job_dependencies WHERE depends_on_job_id = :id
    UNION
    SELECT d.job_id FROM below JOIN job_dependencies d ON d.depends_on_job_id = below.job_id
)
SELECT id, step_name, job_type, id IN (SELECT job_id FROM below) AS is_below FROM jobs
WHERE workflow_id = :workflow_id AND step_name = ANY(CAST(:names AS text[]))
