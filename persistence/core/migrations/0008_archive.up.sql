-- The archive: what ended long ago. Jobs with their attempts and dependencies, resolved dead letters, entries of the audit log. Each
-- table has a partition for each month of `archived_at`, so that a month is forgotten by dropping a table.

-- Candidates for the archive, by job type: each may have its own number of days.
DROP INDEX jobs_finished_idx;
CREATE INDEX jobs_finished_idx ON jobs (job_type, completed_at) WHERE completed_at IS NOT NULL;

-- The columns that lists ask for, and JSON that lists must not read. `rest` has every other column of the job that is not null, by its
-- name: a column that a later migration adds to `jobs` is archived without a change here.
CREATE TABLE job_archive (
    id uuid NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    job_type varchar(100) NOT NULL,
    queue_name varchar(100) NOT NULL,
    status job_status NOT NULL,
    priority integer NOT NULL,
    created_by varchar(255),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    completed_at timestamptz NOT NULL,
    metadata jsonb NOT NULL,
    payload jsonb NOT NULL,
    result jsonb,
    progress jsonb,
    rest jsonb NOT NULL,
    executions jsonb NOT NULL,
    dependencies jsonb NOT NULL,
    PRIMARY KEY (id, archived_at)
) PARTITION BY RANGE (archived_at);
CREATE INDEX job_archive_created_idx ON job_archive (created_at, id);
CREATE INDEX job_archive_type_idx ON job_archive (job_type, created_at, id);
CREATE INDEX job_archive_metadata_idx ON job_archive USING gin (metadata jsonb_path_ops) WHERE metadata <> '{}';

CREATE TABLE job_dead_letter_archive (
    LIKE dead_letter_jobs,
    archived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, archived_at)
) PARTITION BY RANGE (archived_at);
CREATE INDEX job_dead_letter_archive_job_idx ON job_dead_letter_archive (job_id);

CREATE TABLE job_audit_archive (
    LIKE job_audit_log,
    archived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, archived_at)
) PARTITION BY RANGE (archived_at);
CREATE INDEX job_audit_archive_subject_idx ON job_audit_archive (subject_type, subject_id, id);

-- Partitions for the months from one date to another; those that are there stay. Attached, not created in place: readers go on
-- meanwhile. Of several callers at once one works, the others return 0.
CREATE FUNCTION add_archive_partitions(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    parent text;
    month date;
    partition text;
    made integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('aeon-jobs archive partitions ' || current_schema(), 0)) THEN
        RETURN 0;
    END IF;
    FOR month IN SELECT generate_series(date_trunc('month', first_day::timestamp), last_day, interval '1 month')::date LOOP
        FOREACH parent IN ARRAY ARRAY['job_archive', 'job_dead_letter_archive', 'job_audit_archive'] LOOP
            partition := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass(quote_ident(partition)) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition,
                month || ' 00:00+00', (month + interval '1 month')::date || ' 00:00+00');
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- Drop the partitions whose last day is more than so many days ago; returns their names.
CREATE FUNCTION drop_archive_partitions(days integer) RETURNS SETOF text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    partition text;
BEGIN
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('job_archive'::regclass, 'job_dead_letter_archive'::regclass, 'job_audit_archive'::regclass)
          AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= now() - days * interval '1 day'
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        RETURN NEXT partition;
    END LOOP;
END
$$;

-- Take jobs out of the archive, with their attempts, their dead letters, and the archived jobs that they depend on; returns the ids of
-- all of them. Columns that the archive does not have, for they are newer, get their defaults.
CREATE FUNCTION bring_back_jobs(wanted uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    family uuid[];
    archived jsonb;
    one jsonb;
    content jsonb;
    names text;
BEGIN
    WITH RECURSIVE found AS (
        SELECT a.id, a.dependencies FROM job_archive a WHERE a.id = ANY(wanted)
        UNION
        SELECT a.id, a.dependencies
        FROM found CROSS JOIN LATERAL jsonb_to_recordset(found.dependencies) AS d (depends_on_job_id uuid)
        JOIN job_archive a ON a.id = d.depends_on_job_id
    )
    SELECT array_agg(id) INTO family FROM found;
    WITH gone AS (DELETE FROM job_archive WHERE id = ANY(family) RETURNING *)
    SELECT jsonb_agg(to_jsonb(gone)) INTO archived FROM gone;
    IF archived IS NULL THEN
        RETURN;
    END IF;
    FOR one IN SELECT jsonb_array_elements(archived) LOOP
        -- blocked_by: the triggers of the dependencies count anew.
        content := (one - ARRAY['rest', 'archived_at', 'executions', 'dependencies']) || ((one -> 'rest') - 'blocked_by');
        -- Its right to the key ended before it was archived. The key may be another job's now.
        IF EXISTS (SELECT FROM jobs WHERE job_type = content ->> 'job_type' AND idempotency_key = content ->> 'idempotency_key') THEN
            content := content - 'idempotency_key';
        END IF;
        IF NOT EXISTS (SELECT FROM job_schedules WHERE id = (content ->> 'schedule_id')::uuid) THEN
            content := content - ARRAY['schedule_id', 'schedule_run_at'];
        END IF;
        SELECT string_agg(quote_ident(attname), ', ') INTO names FROM pg_attribute
        WHERE attrelid = 'jobs'::regclass AND attnum > 0 AND NOT attisdropped AND content ? attname;
        EXECUTE format('INSERT INTO jobs (%1$s) SELECT %1$s FROM jsonb_populate_record(NULL::jobs, $1)', names) USING content;
        RETURN NEXT (content ->> 'id')::uuid;
    END LOOP;
    INSERT INTO job_executions OVERRIDING SYSTEM VALUE
    SELECT execution.* FROM jsonb_array_elements(archived) AS j (one)
    CROSS JOIN LATERAL jsonb_array_elements(j.one -> 'executions') AS e (entry)
    CROSS JOIN LATERAL jsonb_populate_record(
        NULL::job_executions, e.entry || jsonb_build_object('job_id', j.one -> 'id')) AS execution;
    -- Parents in one order: whoever adds dependencies locks them.
    INSERT INTO job_dependencies
    SELECT dependency.* FROM jsonb_array_elements(archived) AS j (one)
    CROSS JOIN LATERAL jsonb_array_elements(j.one -> 'dependencies') AS e (entry)
    CROSS JOIN LATERAL jsonb_populate_record(
        NULL::job_dependencies, e.entry || jsonb_build_object('job_id', j.one -> 'id')) AS dependency
    WHERE EXISTS (SELECT FROM jobs WHERE id = dependency.depends_on_job_id)
    ORDER BY dependency.depends_on_job_id;
    -- The trigger takes the moment of the insert.
    UPDATE job_dependencies d SET satisfied_at = (e.entry ->> 'satisfied_at')::timestamptz
    FROM jsonb_array_elements(archived) AS j (one) CROSS JOIN LATERAL jsonb_array_elements(j.one -> 'dependencies') AS e (entry)
    WHERE d.job_id = (j.one ->> 'id')::uuid AND d.depends_on_job_id = (e.entry ->> 'depends_on_job_id')::uuid
      AND d.satisfied_at IS NOT NULL AND e.entry ? 'satisfied_at' AND e.entry -> 'satisfied_at' <> 'null';
    WITH gone AS (DELETE FROM job_dead_letter_archive WHERE job_id = ANY(family) RETURNING *)
    INSERT INTO dead_letter_jobs OVERRIDING SYSTEM VALUE
    SELECT dead_letter.* FROM gone
    CROSS JOIN LATERAL jsonb_populate_record(NULL::dead_letter_jobs, to_jsonb(gone)) AS dead_letter;
END
$$;

-- Both are background tasks of the dispatchers.
INSERT INTO job_background_tasks (name) VALUES ('archive'), ('partitions');

-- This month and three more; the dispatcher goes on with it.
SELECT add_archive_partitions(d, (d + interval '3 months')::date) FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS d) AS today;
