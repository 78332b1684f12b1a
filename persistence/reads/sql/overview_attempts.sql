-- Compiling this takes longer than running it, and the planner guesses otherwise.
SET LOCAL jit = off;
-- Finished attempts of the last day, from :since on, by minute, job type and outcome.
SELECT
    date_trunc('minute', e.finished_at) AS begin, j.job_type, e.outcome, count(*) AS attempts,
    coalesce(sum(date_part('epoch', e.finished_at - e.started_at)), 0) AS seconds
FROM job_executions e JOIN jobs j ON j.id = e.job_id
WHERE e.finished_at >= greatest(now() - interval '24 hours', CAST(:since AS timestamptz))
  AND e.outcome IN ('completed', 'retried', 'failed', 'discarded', 'cancelled')
GROUP BY 1, 2, 3
