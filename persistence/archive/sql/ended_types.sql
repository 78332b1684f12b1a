-- The job types of jobs that ended: a walk over the index, one step for each type, however many jobs there are.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
WITH RECURSIVE types AS (
    (SELECT job_type FROM jobs WHERE completed_at IS NOT NULL ORDER BY job_type LIMIT 1)
    UNION ALL
    SELECT (SELECT j.job_type FROM jobs j WHERE j.completed_at IS NOT NULL AND j.job_type > t.job_type ORDER BY j.job_type LIMIT 1)
    FROM types t WHERE t.job_type IS NOT NULL
)
SELECT job_type FROM types WHERE job_type IS NOT NULL
