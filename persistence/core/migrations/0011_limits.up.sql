-- Limits: how many jobs of a type run at once, how many start in a period, for the whole type and for each key.
-- A job of a limited type waits at the gate until a dispatcher admits it (admit_jobs): then it is ready, and holds its place
-- until its attempt ends. Places are counted, never stored, so none can leak.

ALTER TABLE job_types
    -- What the code declares, and what an operator has set instead: '{}' for no limits. See persistence/queue/limits.py for the shape.
    ADD COLUMN limits jsonb CHECK (jsonb_typeof(limits) = 'object'),
    ADD COLUMN limits_override jsonb CHECK (jsonb_typeof(limits_override) = 'object'),
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_by varchar(255),
    ADD COLUMN pause_reason text;

ALTER TABLE jobs
    -- NULL: no limit. '' : the limits are of the whole type.
    ADD COLUMN limit_key varchar(255),
    -- Pending, due, waiting for nothing but a limit.
    ADD COLUMN gated boolean NOT NULL DEFAULT false,
    -- Not begun by then, it is cancelled.
    ADD COLUMN expires_at timestamptz;

-- One row for each limited type: who holds it admits jobs of that type. `last_key`: whose turn it was last.
CREATE TABLE job_limit_states (
    job_type varchar(100) PRIMARY KEY REFERENCES job_types (name) ON DELETE CASCADE,
    last_key varchar(255) NOT NULL DEFAULT '',
    tokens double precision,
    refilled_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What is left of the starts of a key in its period. No row: all.
CREATE TABLE job_limit_buckets (
    job_type varchar(100) NOT NULL REFERENCES job_types (name) ON DELETE CASCADE,
    limit_key varchar(255) NOT NULL,
    tokens double precision NOT NULL,
    refilled_at timestamptz NOT NULL,
    PRIMARY KEY (job_type, limit_key)
) WITH (fillfactor = 50);
CREATE INDEX job_limit_buckets_refilled_idx ON job_limit_buckets (refilled_at);

INSERT INTO job_background_tasks (name) VALUES ('expire');

CREATE FUNCTION job_types_limit_state() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO job_limit_states (job_type) VALUES (NEW.name) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER job_types_limit_state AFTER INSERT OR UPDATE OF limits, limits_override ON job_types
FOR EACH ROW WHEN (NEW.limits IS NOT NULL OR NEW.limits_override IS NOT NULL) EXECUTE FUNCTION job_types_limit_state();

CREATE INDEX jobs_gated_idx ON jobs (job_type, limit_key, priority DESC, seq) WHERE status = 'pending' AND gated;
-- Jobs that hold a place: ready stays true from the gate to the end of the attempt.
CREATE INDEX jobs_admitted_idx ON jobs (job_type, limit_key)
WHERE limit_key IS NOT NULL AND ready AND status IN ('pending', 'queued', 'running');
CREATE INDEX jobs_expiring_idx ON jobs (expires_at) WHERE expires_at IS NOT NULL AND status IN ('pending', 'queued');
DROP INDEX jobs_due_idx;
CREATE INDEX jobs_due_idx ON jobs (scheduled_at) WHERE status = 'pending' AND NOT ready AND NOT gated AND blocked_by = 0;

-- A job that comes back from a dispatch or an undone claim, or is changed while it is ready, keeps its place; one whose attempt
-- ended does not.
CREATE OR REPLACE FUNCTION jobs_set_ready() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    is_due boolean := NEW.blocked_by = 0 AND (NEW.scheduled_at IS NULL OR NEW.scheduled_at <= clock_timestamp());
    is_undone boolean := TG_OP = 'UPDATE' AND (OLD.status = 'queued' OR NEW.attempt < OLD.attempt);
    was_due boolean := TG_OP = 'UPDATE' AND OLD.status = 'pending' AND (OLD.ready OR OLD.gated);
BEGIN
    NEW.gated := is_due AND NEW.limit_key IS NOT NULL
        AND NOT (TG_OP = 'UPDATE' AND OLD.ready AND (is_undone OR OLD.status = 'pending'));
    NEW.ready := is_due AND NOT NEW.gated;
    IF TG_OP = 'UPDATE' AND is_due AND NOT was_due AND NOT is_undone THEN
        NEW.ready_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
DROP TRIGGER jobs_set_ready_insert ON jobs;
CREATE TRIGGER jobs_set_ready_insert BEFORE INSERT ON jobs FOR EACH ROW
WHEN (NEW.scheduled_at IS NOT NULL OR NOT NEW.ready OR NEW.blocked_by > 0 OR NEW.limit_key IS NOT NULL)
EXECUTE FUNCTION jobs_set_ready();

-- The key of a job by the path of its type: 'payload.tenant', 'metadata.customer.id'; '' without a path. What has no such
-- field shares the key 'null'. Longer keys are cut.
CREATE FUNCTION job_limit_key(limits jsonb, payload jsonb, metadata jsonb) RETURNS varchar
LANGUAGE sql IMMUTABLE AS $$
    SELECT left(CASE
        WHEN limits IS NULL OR limits = '{}' THEN NULL
        WHEN limits ->> 'key' IS NULL THEN ''
        ELSE coalesce(
            jsonb_build_object('payload', payload, 'metadata', metadata) #>> string_to_array(limits ->> 'key', '.'), 'null')
    END, 255)
$$;

-- A plain INSERT gets its key here; all that we submit ourselves brings it along.
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
        IF NEW.limit_key IS NULL THEN
            NEW.limit_key := job_limit_key(coalesce(own.limits_override, own.limits), NEW.payload, NEW.metadata);
        END IF;
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
         WHERE status = 'pending' AND NOT ready AND NOT gated AND blocked_by = 0 AND scheduled_at <= now()
           AND cancel_requested_at IS NULL AND limit_key IS NULL
         ORDER BY scheduled_at)
    )
    SELECT * FROM candidates ORDER BY priority DESC, seq LIMIT limit_count
$$;
