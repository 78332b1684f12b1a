DELETE FROM job_background_tasks WHERE name = 'holds';
CREATE OR REPLACE FUNCTION jobs_release_dependents() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    WITH satisfied AS (
        UPDATE job_dependencies SET satisfied_at = now()
        WHERE depends_on_job_id = NEW.id AND satisfied_at IS NULL
          AND (NEW.status = 'completed' OR on_failure = 'run')
        RETURNING job_id
    ),
    freed AS (
        -- In one order: two parents that end at once and share children cannot deadlock.
        SELECT id FROM jobs WHERE id IN (SELECT job_id FROM satisfied) ORDER BY id FOR UPDATE
    )
    UPDATE jobs SET blocked_by = blocked_by - 1
    FROM freed WHERE jobs.id = freed.id;

    -- The whole tree below at once. One level at a time, each from the trigger of the one above, a chain of some hundred
    -- jobs is deeper than the stack. The casts keep the planner on the primary key: it may believe that few jobs are pending,
    -- and walk them all once per level.
    IF NEW.status <> 'completed' THEN
        WITH RECURSIVE doomed AS (
            SELECT d.job_id, NEW.id AS because, NEW.status AS is_what
            FROM job_dependencies d JOIN jobs j ON j.id = d.job_id
            WHERE d.depends_on_job_id = NEW.id AND d.satisfied_at IS NULL AND d.on_failure = 'cancel' AND j.status::text = 'pending'
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
    RETURN NULL;
END
$$;
DROP FUNCTION release_dependents(uuid[]);
DROP TRIGGER job_dependencies_ask_parent ON job_dependencies;
CREATE TRIGGER job_dependencies_ask_parent BEFORE INSERT ON job_dependencies
FOR EACH ROW EXECUTE FUNCTION job_dependencies_ask_parent();
DROP TRIGGER job_dependencies_block ON job_dependencies;
CREATE TRIGGER job_dependencies_block AFTER INSERT ON job_dependencies
FOR EACH ROW WHEN (NEW.satisfied_at IS NULL) EXECUTE FUNCTION job_dependencies_block();
DROP TRIGGER jobs_reach_hold ON jobs;
DROP FUNCTION jobs_reach_hold();
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
    ELSE
        INSERT INTO workflow_changes (workflow_id, total) VALUES (OLD.workflow_id, -1);
    END IF;
    RETURN NULL;
END
$$;
DROP FUNCTION IF EXISTS link_jobs(uuid[], uuid[], text[]);
DROP FUNCTION IF EXISTS decide_hold(uuid);
DROP FUNCTION IF EXISTS release_holds();
DROP FUNCTION IF EXISTS signal_step(uuid, jsonb, text);
DROP FUNCTION IF EXISTS retry_workflow(uuid, text);
-- Jobs with conditions or a delay run without them.
UPDATE jobs SET blocked_by = blocked_by - 1 FROM workflow_holds h
WHERE h.job_id = jobs.id AND h.kind = 'run' AND h.decided_at IS NULL AND jobs.status = 'pending';
DROP TABLE workflow_holds;
DROP INDEX jobs_step_idx;
