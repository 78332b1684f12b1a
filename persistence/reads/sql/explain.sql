-- All that can keep a job from running. Jobs ahead of it are counted no further than 1,000.
WITH job AS (SELECT * FROM jobs WHERE id = :id),
live AS (
    SELECT * FROM workers
    WHERE state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
)
SELECT
    (SELECT name FROM job_schedules s WHERE s.id = job.schedule_id) AS schedule,
    job.id, job.status::text AS status, job.job_type, job.queue_name, job.priority, job.scheduled_at, job.retry_count,
    job.blocked_by, job.queued_at, job.worker_id, job.attempt, job.lease_expires_at, job.cancel_requested_at,
    job.cancel_requested_by, job.cancel_reason, job.completed_at, job.error_message,
    q.paused_at, q.paused_by, q.pause_reason, q.max_running,
    CASE WHEN q.max_running IS NOT NULL THEN
        (SELECT count(*) FROM jobs j WHERE j.status = 'queued' AND j.queue_name = job.queue_name)
        + (SELECT count(*) FROM jobs j WHERE j.status = 'running' AND j.queue_name = job.queue_name)
    END AS in_motion,
    EXISTS (SELECT FROM job_types t WHERE t.name = job.job_type) AS type_known,
    (SELECT count(*) FROM live w WHERE w.kind = 'worker' AND job.queue_name = ANY(w.queues)) AS queue_workers,
    (SELECT count(*) FROM live w WHERE w.kind = 'worker' AND job.queue_name = ANY(w.queues) AND job.job_type = ANY(w.job_types))
        AS type_workers,
    (SELECT count(*) FROM live w WHERE w.kind = 'dispatcher') AS dispatchers,
    (SELECT coalesce(sum(w.threads), 0)::integer FROM live w
     WHERE w.kind = 'worker' AND w.quieted_at IS NULL AND job.queue_name = ANY(w.queues) AND job.job_type = ANY(w.job_types)) AS threads,
    -- Those that failed first, a hundred at most: a join may wait for thousands.
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'job_id', p.id, 'step', p.step_name, 'status', p.status, 'on_failure', p.on_failure) ORDER BY p.id), '[]')
     FROM (SELECT p.id, p.step_name, p.status, d.on_failure FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
           WHERE d.job_id = job.id AND d.satisfied_at IS NULL
           ORDER BY p.status IN ('failed', 'cancelled') DESC, p.id LIMIT 100) AS p) AS waits_for,
    (SELECT count(*) FROM job_dependencies d WHERE d.job_id = job.id AND d.satisfied_at IS NULL) AS waits_for_count,
    job.workflow_id, job.step_name, hold.kind AS hold_kind, hold.opened_at AS hold_opened_at, hold.due_at AS hold_due_at,
    CASE WHEN job.status = 'pending' AND job.ready THEN
        (SELECT count(*) FROM (
            SELECT FROM jobs j
            WHERE j.status = 'pending' AND j.ready AND j.queue_name = job.queue_name AND j.job_type = job.job_type
              AND j.priority >= job.priority AND (j.priority > job.priority OR j.seq < job.seq)
            LIMIT 1000) AS before)
    ELSE 0 END AS ahead,
    1000 AS counted,
    job.gated, job.limit_key, job.expires_at, t.paused_at AS type_paused_at, t.paused_by AS type_paused_by,
    t.pause_reason AS type_pause_reason, coalesce(t.limits_override, t.limits) AS limits,
    CASE WHEN job.gated THEN
        (SELECT count(*) FROM jobs j
         WHERE j.limit_key IS NOT NULL AND j.ready AND j.status IN ('pending', 'queued', 'running')
           AND j.job_type = job.job_type)
    END AS type_holds,
    CASE WHEN job.gated THEN
        (SELECT count(*) FROM jobs j
         WHERE j.limit_key IS NOT NULL AND j.ready AND j.status IN ('pending', 'queued', 'running')
           AND j.job_type = job.job_type AND j.limit_key = job.limit_key)
    END AS key_holds,
    s.tokens AS type_tokens, extract(epoch FROM clock_timestamp() - s.refilled_at)::float AS type_refilled_s,
    b.tokens AS key_tokens, extract(epoch FROM clock_timestamp() - b.refilled_at)::float AS key_refilled_s,
    CASE WHEN job.gated THEN
        (SELECT count(*) FROM (
            SELECT FROM jobs j
            WHERE j.status = 'pending' AND j.gated AND j.job_type = job.job_type AND j.limit_key = job.limit_key
              AND j.priority >= job.priority AND (j.priority > job.priority OR j.seq < job.seq)
            LIMIT 1000) AS before)
    END AS gated_before
FROM job LEFT JOIN job_queues q ON q.name = job.queue_name LEFT JOIN job_types t ON t.name = job.job_type
    LEFT JOIN job_limit_states s ON s.job_type = job.job_type
    LEFT JOIN job_limit_buckets b ON b.job_type = job.job_type AND b.limit_key = job.limit_key
    LEFT JOIN workflow_holds hold ON hold.job_id = job.id AND hold.decided_at IS NULL
