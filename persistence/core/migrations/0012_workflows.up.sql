-- Workflows: jobs that belong together, with counters, an end, and callbacks. A batch is a workflow without edges.
-- Whoever moves a job into or out of a final state writes a row of workflow_changes and waits for nobody. A dispatcher adds the
-- rows up (settle_workflows): so the jobs of one workflow never wait for each other, and it alone decides that one is over.

CREATE TABLE workflows (
    id uuid PRIMARY KEY DEFAULT new_job_id(),
    kind varchar(10) NOT NULL DEFAULT 'workflow' CHECK (kind IN ('workflow', 'batch')),
    name varchar(100) NOT NULL CHECK (name <> ''),
    state varchar(10) NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    -- No jobs come from outside after that. Until then it does not end.
    closed_at timestamptz,
    -- As of the last settlement; workflow_changes has the rest.
    total integer NOT NULL DEFAULT 0,
    completed integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    unique_key varchar(255),
    deadline_at timestamptz,
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    -- Jobs that are submitted when it ends: {"job_type": …, "payload": {…}}. On success: every job completed. On failure: not so.
    on_finished jsonb CHECK (on_finished ->> 'job_type' <> ''),
    on_success jsonb CHECK (on_success ->> 'job_type' <> ''),
    on_failure jsonb CHECK (on_failure ->> 'job_type' <> ''),
    created_by varchar(255),
    cancel_requested_at timestamptz,
    cancel_requested_by varchar(255),
    cancel_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE UNIQUE INDEX workflows_unique_idx ON workflows (name, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX workflows_created_idx ON workflows (created_at, id);
CREATE INDEX workflows_unfinished_idx ON workflows (deadline_at) WHERE finished_at IS NULL;
CREATE INDEX workflows_finished_idx ON workflows (finished_at) WHERE finished_at IS NOT NULL;
CREATE TRIGGER workflows_updated_at BEFORE UPDATE ON workflows FOR EACH ROW EXECUTE FUNCTION update_updated_at();

-- What is to be added to the counters of a workflow. A row of zeros: look whether it is over.
CREATE TABLE workflow_changes (
    workflow_id uuid NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    total integer NOT NULL DEFAULT 0,
    completed integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    PRIMARY KEY (workflow_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

INSERT INTO job_background_tasks (name) VALUES ('workflows');

-- No foreign key: it would cost each job a look-up and the workflow's row a lock.
ALTER TABLE jobs
    ADD COLUMN workflow_id uuid,
    ADD COLUMN step_name varchar(100) CHECK (step_name <> '');
CREATE INDEX jobs_workflow_idx ON jobs (workflow_id, status, id) WHERE workflow_id IS NOT NULL AND status NOT IN ('queued', 'running');

-- Every way into a workflow, and into or out of a final state, is counted here, also plain SQL. A statement that counts many jobs
-- at once, with one row of workflow_changes for each workflow, says so: it has aeon_jobs.counts_jobs set to on (record_jobs, and
-- the COPY of many submissions). What triggers change inside of it is counted here all the same.
CREATE FUNCTION jobs_count_in_workflow() RETURNS trigger
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
CREATE TRIGGER jobs_count_in_workflow_insert AFTER INSERT ON jobs FOR EACH ROW
WHEN (NEW.workflow_id IS NOT NULL
    AND (current_setting('aeon_jobs.counts_jobs', true) IS DISTINCT FROM 'on' OR pg_trigger_depth() > 0))
EXECUTE FUNCTION jobs_count_in_workflow();
-- Final states are the last ones of the type.
CREATE TRIGGER jobs_count_in_workflow_update AFTER UPDATE OF status ON jobs FOR EACH ROW
WHEN (NEW.workflow_id IS NOT NULL AND OLD.status <> NEW.status AND greatest(OLD.status, NEW.status) >= 'completed'
    AND (current_setting('aeon_jobs.counts_jobs', true) IS DISTINCT FROM 'on' OR pg_trigger_depth() > 0))
EXECUTE FUNCTION jobs_count_in_workflow();
-- A finished job that is deleted stays counted; so one that comes back from the archive is not counted again.
CREATE TRIGGER jobs_count_in_workflow_delete AFTER DELETE ON jobs FOR EACH ROW
WHEN (OLD.workflow_id IS NOT NULL AND OLD.status < 'completed') EXECUTE FUNCTION jobs_count_in_workflow();
ALTER FUNCTION bring_back_jobs(uuid[]) SET aeon_jobs.counts_jobs = 'on';
