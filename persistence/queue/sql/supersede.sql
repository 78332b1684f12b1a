-- Verdicts that changed no job. Either this very verdict was recorded before and the reply got lost, or the job was taken away:
-- then the outcome is kept as superseded, once. A statement of its own, for it must see what the first one waited for.
WITH verdicts AS (
    SELECT v.*, coalesce(known.outcome <> 'superseded', false) AS recorded_before, known.outcome IS NOT NULL AS is_known
    FROM jsonb_to_recordset(CAST(:verdicts AS jsonb)) AS v (
        job_id uuid, attempt integer, error_type text, error_message text, traceback text, started_at timestamptz
    )
    -- With a limit, so that each is looked up by index: without it the planner may read all executions there are.
    LEFT JOIN LATERAL (
        SELECT outcome FROM job_executions e
        WHERE e.job_id = v.job_id AND e.attempt = v.attempt AND e.started_at = v.started_at AND e.outcome <> 'lost' LIMIT 1
    ) AS known ON true
),
late AS (
    SELECT v.*, job.job_type FROM verdicts v
    CROSS JOIN LATERAL (SELECT job_type FROM jobs WHERE id = v.job_id LIMIT 1) AS job
    WHERE NOT is_known
),
superseded AS (
    INSERT INTO job_executions
        (job_id, attempt, outcome, worker_id, started_at, finished_at, error_type, error_message, traceback)
    SELECT job_id, attempt, 'superseded', :worker_id, started_at, clock_timestamp(), error_type, error_message, traceback
    FROM late
),
counted AS (
    INSERT INTO job_counters (metric, job_type, label, shard, value)
    SELECT 'superseded', job_type, '', -1, count(*) FROM late GROUP BY job_type ORDER BY job_type
    ON CONFLICT (metric, job_type, label, shard) DO UPDATE SET value = job_counters.value + excluded.value
)
SELECT job_id, attempt FROM verdicts WHERE recorded_before
