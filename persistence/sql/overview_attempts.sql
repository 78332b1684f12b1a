-- Compiling this takes longer than running it, and the planner guesses otherwise.
SET LOCAL jit = off;
-- Finished attempts of the last day by job type; those of the last hour beside them.
SELECT
    j.job_type,
    e.finished_at > now() - interval '1 hour' AS last_hour,
    e.outcome,
    count(*) AS attempts,
    sum(extract(epoch FROM e.finished_at - e.started_at)) AS seconds
FROM job_executions e JOIN jobs j ON j.id = e.job_id
WHERE e.finished_at > now() - interval '24 hours' AND e.outcome IN ('completed', 'retried', 'failed', 'discarded', 'cancelled')
GROUP BY 1, 2, 3
