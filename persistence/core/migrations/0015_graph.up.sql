-- The graph of workflows: steps have names, edges may be added many at once, and a step may be held: by a condition, for a signal,
-- for a time. What is held counts one more in blocked_by.

CREATE UNIQUE INDEX jobs_step_idx ON jobs (workflow_id, step_name) WHERE step_name IS NOT NULL;

CREATE TABLE workflow_holds (
    job_id uuid PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    -- What follows when all that the step depends on is over. run: it runs, wait_ms later. signal, timer: it has no handler, and
    -- completes when the signal came, or the time.
    kind varchar(10) NOT NULL DEFAULT 'run' CHECK (kind IN ('run', 'signal', 'timer')),
    -- [{"action": "skip", "step": "fetch", "path": "rows", "operator": "==", "value": 0}, …]; the first that holds decides.
    conditions jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(conditions) = 'array'),
    -- Arguments that are results: {"rows": "fetch", "pages": ["page-1", "page-2"]}. They are put into the payload when the step begins to run.
    results jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(results) = 'object'),
    -- Of a signal: how long it is waited for; NULL: for ever.
    wait_ms bigint CHECK (wait_ms >= 0),
    opened_at timestamptz,
    due_at timestamptz,
    signal jsonb,
    signalled_at timestamptz,
    signalled_by varchar(255),
    decided_at timestamptz
);
CREATE INDEX workflow_holds_due_idx ON workflow_holds (due_at) WHERE due_at IS NOT NULL AND decided_at IS NULL;

-- The last thing that blocks a step may be its hold.
CREATE FUNCTION jobs_reach_hold() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM decide_hold(NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER jobs_reach_hold AFTER UPDATE OF blocked_by ON jobs FOR EACH ROW
WHEN (NEW.blocked_by = 1 AND OLD.blocked_by <> 1 AND NEW.step_name IS NOT NULL AND NEW.status = 'pending')
EXECUTE FUNCTION jobs_reach_hold();

-- A step that begins anew decides anew, whoever brings it back. In the trigger that counts: one more would cost every statement that
-- changes a status, whose condition PostgreSQL reads anew each time.
CREATE OR REPLACE FUNCTION jobs_count_in_workflow() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM workflows WHERE id = NEW.workflow_id) THEN
            RAISE foreign_key_violation USING MESSAGE = format('there is no workflow %s', NEW.workflow_id);
        END IF;
        INSERT INTO workflow_changes (workflow_id, total, completed, failed, cancelled)
        VALUES (NEW.workflow_id, 1,
            (NEW.status = 'completed')::integer, (NEW.status = 'failed')::integer, (NEW.status = 'cancelled')::integer);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO workflow_changes (workflow_id, completed, failed, cancelled)
        VALUES (NEW.workflow_id,
            (NEW.status = 'completed')::integer - (OLD.status = 'completed')::integer,
            (NEW.status = 'failed')::integer - (OLD.status = 'failed')::integer,
            (NEW.status = 'cancelled')::integer - (OLD.status = 'cancelled')::integer);
        IF NEW.status = 'pending' AND NEW.blocked_by > 0 AND NEW.step_name IS NOT NULL THEN
            UPDATE workflow_holds SET decided_at = NULL, opened_at = NULL, due_at = NULL WHERE job_id = NEW.id;
            IF FOUND AND NEW.blocked_by = 1 THEN
                PERFORM decide_hold(NEW.id);
            END IF;
        END IF;
    ELSE
        INSERT INTO workflow_changes (workflow_id, total) VALUES (OLD.workflow_id, -1);
    END IF;
    RETURN NULL;
END
$$;

-- The function link_jobs adds many edges, and asks each parent and blocks each child once.
DROP TRIGGER job_dependencies_ask_parent ON job_dependencies;
CREATE TRIGGER job_dependencies_ask_parent BEFORE INSERT ON job_dependencies FOR EACH ROW
WHEN (current_setting('aeon_jobs.links_jobs', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION job_dependencies_ask_parent();
DROP TRIGGER job_dependencies_block ON job_dependencies;
CREATE TRIGGER job_dependencies_block AFTER INSERT ON job_dependencies FOR EACH ROW
WHEN (NEW.satisfied_at IS NULL AND current_setting('aeon_jobs.links_jobs', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION job_dependencies_block();

-- The function release_dependents releases what waits for many jobs, each child once. record_jobs calls it; from all other statements
-- the trigger does, job by job. `migrate` makes the function anew when it changes: it is made here too, since record_jobs of the version
-- before runs until then.
CREATE OR REPLACE FUNCTION release_dependents(parents uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET aeon_jobs.counts_jobs = 'off' SET aeon_jobs.releases_jobs = 'off' AS $$
DECLARE
    failures uuid[];
BEGIN
    SELECT array_agg(id) INTO failures FROM jobs WHERE id = ANY(parents) AND status::text <> 'completed';
    IF failures IS NOT NULL THEN
        -- All that will change, in one order: groups of parents that end at once and share children cannot deadlock.
        PERFORM FROM jobs WHERE id = ANY(ARRAY(
            SELECT job_id FROM job_dependencies WHERE depends_on_job_id = ANY(parents) AND satisfied_at IS NULL
            UNION ALL
            (WITH RECURSIVE doomed AS (
                SELECT job_id FROM job_dependencies
                WHERE depends_on_job_id = ANY(failures) AND satisfied_at IS NULL AND on_failure = 'cancel'
                UNION
                SELECT d.job_id FROM doomed JOIN job_dependencies d ON d.depends_on_job_id = doomed.job_id
                WHERE d.satisfied_at IS NULL AND d.on_failure = 'cancel'
            )
            SELECT job_id FROM doomed)
        )) ORDER BY id FOR NO KEY UPDATE;
    END IF;

    WITH satisfied AS (
        UPDATE job_dependencies d SET satisfied_at = now()
        FROM jobs parent
        WHERE parent.id = ANY(parents) AND d.depends_on_job_id = parent.id AND d.satisfied_at IS NULL
          AND (parent.status::text = 'completed' OR d.on_failure = 'run')
        RETURNING d.job_id
    ),
    counted AS (SELECT job_id, count(*)::integer AS ended FROM satisfied GROUP BY job_id),
    freed AS (
        SELECT child.id, counted.ended FROM counted JOIN jobs child ON child.id = counted.job_id
        ORDER BY child.id FOR NO KEY UPDATE OF child
    )
    UPDATE jobs SET blocked_by = blocked_by - freed.ended
    FROM freed WHERE jobs.id = freed.id;

    -- The whole tree below at once. One level at a time, each from the trigger of the one above, a chain of some hundred
    -- jobs is deeper than the stack. The casts keep the planner on the primary key: it may believe that few jobs are pending,
    -- and walk them all once per level.
    IF failures IS NOT NULL THEN
        WITH RECURSIVE doomed AS (
            SELECT d.job_id, parent.id AS because, parent.status AS is_what
            FROM jobs parent JOIN job_dependencies d ON d.depends_on_job_id = parent.id JOIN jobs j ON j.id = d.job_id
            WHERE parent.id = ANY(failures) AND d.satisfied_at IS NULL AND d.on_failure = 'cancel' AND j.status::text = 'pending'
            UNION
            SELECT d.job_id, d.depends_on_job_id, 'cancelled'
            FROM doomed JOIN job_dependencies d ON d.depends_on_job_id = doomed.job_id JOIN jobs j ON j.id = d.job_id
            WHERE d.satisfied_at IS NULL AND d.on_failure = 'cancel' AND j.status::text = 'pending'
        ),
        cause AS (SELECT DISTINCT ON (job_id) * FROM doomed ORDER BY job_id)
        UPDATE jobs SET status = 'cancelled', completed_at = now(), cancel_requested_at = now(),
            cancel_reason = format('job %s, which it depends on, is %s', cause.because, cause.is_what)
        FROM cause WHERE jobs.id = cause.job_id AND jobs.status::text = 'pending';
    END IF;
END
$$;
COMMENT ON FUNCTION release_dependents(uuid[]) IS 'aeon-jobs migrations';
CREATE OR REPLACE FUNCTION jobs_release_dependents() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF pg_trigger_depth() > 1 OR current_setting('aeon_jobs.releases_jobs', true) IS DISTINCT FROM 'on' THEN
        PERFORM release_dependents(ARRAY[NEW.id]);
    END IF;
    RETURN NULL;
END
$$;

INSERT INTO job_background_tasks (name) VALUES ('holds') ON CONFLICT DO NOTHING;
