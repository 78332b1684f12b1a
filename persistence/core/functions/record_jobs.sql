-- Record outcomes of attempts: the job, its execution, its dead letter and the counters, in one statement.
-- Guarded by the attempt: a worker that lost its job changes nothing, and is missing from the answer (see supersede.sql).
CREATE OR REPLACE FUNCTION record_jobs(verdicts jsonb, in_worker_id text, in_shard integer, dlq_enabled boolean)
RETURNS TABLE (id uuid, attempt integer)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET aeon_jobs.counts_jobs = 'on'
SET aeon_jobs.releases_jobs = 'on' AS $$
#variable_conflict use_column
DECLARE
    ids uuid[];
    attempts integer[];
    parents uuid[];
BEGIN
    WITH ended AS (
        SELECT * FROM jsonb_to_recordset(verdicts) AS v (
            job_id uuid, attempt integer, outcome text, status text, result jsonb, delay_ms double precision, uses_retry boolean,
            reason text, error_type text, error_message text, traceback text, fingerprint text,
            started_at timestamptz, ran_s double precision
        )
    ),
    recorded AS (
        UPDATE jobs SET
            -- If the job was cancelled meanwhile, a failure is final.
            status = CASE WHEN v.status = 'pending' AND jobs.cancel_requested_at IS NOT NULL THEN 'cancelled'
                     ELSE v.status END::job_status,
            result = v.result,
            error_message = v.error_message,
            retry_count = jobs.retry_count + (v.uses_retry AND jobs.cancel_requested_at IS NULL)::integer,
            scheduled_at = CASE WHEN v.delay_ms IS NULL THEN jobs.scheduled_at
                           ELSE now() + v.delay_ms * interval '1 millisecond' END,
            completed_at = CASE WHEN v.status = 'pending' AND jobs.cancel_requested_at IS NULL THEN NULL ELSE now() END,
            lease_expires_at = NULL,
            updated_at = clock_timestamp()
        FROM ended v
        -- The array keeps the planner on the primary key: it takes the verdicts for a hundred, and reads small tables whole.
        WHERE jobs.id = ANY(ARRAY(SELECT job_id FROM ended)) AND jobs.id = v.job_id AND jobs.attempt = v.attempt AND jobs.status::text = 'running'
          -- A claim is not flushed: after a crash of the server the same attempt may be claimed anew, at another moment.
          AND jobs.started_at = v.started_at
        RETURNING
            jobs.id, jobs.attempt, jobs.job_type, jobs.queue_name, jobs.payload, jobs.workflow_id, jobs.has_dependents,
            jobs.status AS new_status,
            coalesce(v.ran_s, extract(epoch FROM clock_timestamp() - jobs.started_at))::double precision AS duration_s,
            CASE WHEN v.status = 'pending' AND jobs.status = 'cancelled' THEN 'cancelled' ELSE v.outcome END AS outcome,
            v.started_at, v.reason, v.error_type, v.error_message, v.traceback, v.fingerprint,
            -- Not of a job that comes back: its scheduled_at is that of the next attempt by now.
            CASE WHEN jobs.status <> 'pending' AND v.delay_ms IS NULL THEN
                greatest(0, date_part('epoch', v.started_at - greatest(jobs.created_at, jobs.scheduled_at, jobs.ready_at)))
            END AS waited_s
    ),
    executions AS (
        INSERT INTO job_executions
            (job_id, attempt, outcome, worker_id, started_at, finished_at, error_type, error_message, traceback)
        SELECT id, attempt, outcome, in_worker_id, started_at, clock_timestamp(), error_type, error_message, traceback
        FROM recorded
    ),
    dead_letters AS (
        INSERT INTO dead_letter_jobs
            (job_id, job_type, queue_name, reason, error_type, error_message, traceback, fingerprint, payload, attempts)
        SELECT id, job_type, queue_name, reason, error_type, error_message, traceback, fingerprint, payload, attempt
        FROM recorded
        WHERE reason IS NOT NULL AND new_status = 'failed' AND dlq_enabled
        ON CONFLICT (job_id) WHERE resolved_at IS NULL DO NOTHING
        RETURNING job_type, reason
    ),
    -- In place of the trigger jobs_count_in_workflow, which would write a row for each job.
    workflows_changed AS (
        INSERT INTO workflow_changes (workflow_id, completed, failed, cancelled)
        SELECT workflow_id, count(*) FILTER (WHERE new_status = 'completed'), count(*) FILTER (WHERE new_status = 'failed'),
            count(*) FILTER (WHERE new_status = 'cancelled')
        FROM recorded WHERE workflow_id IS NOT NULL AND new_status <> 'pending' GROUP BY workflow_id
    ),
    -- Of `wait_bucket`, job_type is the queue.
    events AS (
        SELECT 'processed' AS metric, job_type, outcome AS label, 1::double precision AS value, 0::double precision AS seconds
        FROM recorded WHERE outcome NOT IN ('snoozed', 'released')
        UNION ALL
        SELECT 'failed', job_type, coalesce(error_type, 'unknown'), 1, 0 FROM recorded WHERE outcome IN ('retried', 'failed')
        UNION ALL
        SELECT 'duration_bucket', job_type,
            width_bucket(duration_s, ARRAY[.1, .5, 1, 2, 5, 10, 30, 60]::double precision[])::text, 1, duration_s
        FROM recorded WHERE outcome NOT IN ('snoozed', 'released')
        UNION ALL
        SELECT 'wait_bucket', queue_name, width_bucket(
            waited_s, ARRAY[.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300]::double precision[])::text, 1, waited_s
        FROM recorded WHERE waited_s IS NOT NULL
        UNION ALL
        SELECT 'dead_lettered', job_type, reason, 1, 0 FROM dead_letters
    ),
    counted AS (
        -- In one order everywhere: two workers that share a shard cannot deadlock.
        INSERT INTO job_counters (metric, job_type, label, shard, value, seconds)
        SELECT metric, job_type, label, in_shard, sum(value), sum(seconds) FROM events
        GROUP BY metric, job_type, label ORDER BY metric, job_type, label
        ON CONFLICT (metric, job_type, label, shard)
        DO UPDATE SET value = job_counters.value + excluded.value, seconds = job_counters.seconds + excluded.seconds
    )
    SELECT array_agg(id), array_agg(attempt), array_agg(id) FILTER (WHERE has_dependents AND new_status <> 'pending')
    INTO ids, attempts, parents FROM recorded;
    -- In place of the trigger jobs_release_dependents, which would update a child once for each of its parents.
    IF parents IS NOT NULL THEN
        PERFORM release_dependents(parents);
    END IF;
    RETURN QUERY SELECT * FROM unnest(ids, attempts);
END
$$;
