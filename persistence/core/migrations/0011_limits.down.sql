DELETE FROM job_background_tasks WHERE name = 'expire';
-- What waits at the gate is ready again, without limits.
DROP INDEX jobs_gated_idx, jobs_admitted_idx, jobs_expiring_idx, jobs_due_idx;
CREATE OR REPLACE FUNCTION jobs_set_ready() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.ready := NEW.blocked_by = 0 AND (NEW.scheduled_at IS NULL OR NEW.scheduled_at <= clock_timestamp());
    -- Not when a dispatch or a claim is undone: the job has waited all the time.
    IF TG_OP = 'UPDATE' AND NEW.ready AND NOT (OLD.status = 'pending' AND OLD.ready) AND OLD.status <> 'queued'
       AND NEW.attempt >= OLD.attempt THEN
        NEW.ready_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
UPDATE jobs SET ready = true, gated = false WHERE gated;
DROP TRIGGER jobs_set_ready_insert ON jobs;
ALTER TABLE jobs DROP COLUMN limit_key, DROP COLUMN gated, DROP COLUMN expires_at;
CREATE TRIGGER jobs_set_ready_insert BEFORE INSERT ON jobs
FOR EACH ROW WHEN (NEW.scheduled_at IS NOT NULL OR NOT NEW.ready OR NEW.blocked_by > 0) EXECUTE FUNCTION jobs_set_ready();
CREATE INDEX jobs_due_idx ON jobs (scheduled_at) WHERE status = 'pending' AND NOT ready AND blocked_by = 0;

CREATE OR REPLACE FUNCTION jobs_fill_defaults() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own job_types;
BEGIN
    SELECT * INTO own FROM job_types WHERE name = NEW.job_type;
    NEW.queue_name := coalesce(own.queue_name, 'default');
    IF FOUND THEN
        IF NEW.priority = 50 THEN NEW.priority := own.priority; END IF;
        IF NEW.max_retries = 3 THEN NEW.max_retries := own.max_retries; END IF;
        IF NEW.timeout_ms = 300000 THEN NEW.timeout_ms := own.timeout_ms; END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE FUNCTION get_ready_jobs(limit_count integer) RETURNS SETOF jobs
LANGUAGE sql STABLE ROWS 100 SET search_path FROM CURRENT SET enable_sort = off SET jit = off AS $$
    WITH candidates AS (
        SELECT j.* FROM ready_pairs() p CROSS JOIN LATERAL (
            SELECT * FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = p.queue_name AND job_type = p.job_type
              AND cancel_requested_at IS NULL
            ORDER BY priority DESC, seq LIMIT limit_count
        ) j
        UNION ALL
        (SELECT * FROM jobs
         WHERE status = 'pending' AND NOT ready AND blocked_by = 0 AND scheduled_at <= now()
           AND cancel_requested_at IS NULL
         ORDER BY scheduled_at)
    )
    SELECT * FROM candidates ORDER BY priority DESC, seq LIMIT limit_count
$$;
DROP FUNCTION job_limit_key(jsonb, jsonb, jsonb);
DROP TRIGGER job_types_limit_state ON job_types;
DROP FUNCTION job_types_limit_state();
DROP TABLE job_limit_buckets, job_limit_states;
ALTER TABLE job_types DROP COLUMN limits, DROP COLUMN limits_override, DROP COLUMN paused_at, DROP COLUMN paused_by,
    DROP COLUMN pause_reason;
