-- Less write-ahead log for each job.

DROP INDEX jobs_settled_created_idx, jobs_settled_status_idx, jobs_settled_updated_idx, jobs_settled_type_idx, jobs_settled_queue_idx;

-- Columns that change while a job runs stand last: PostgreSQL logs an update from the first byte that differs to the last one, and
-- between the state and the times of a job stood its payload. A column can only be added at the end, so those that change are
-- moved there, in one rewrite of the table. Indexes, triggers and checks are made anew as they were.
DO $$
DECLARE
    moving text[] := ARRAY[
        'updated_at', 'status', 'dispatch_seq', 'attempt', 'retry_count', 'blocked_by', 'worker_deaths', 'ready', 'gated',
        'scheduled_at', 'ready_at', 'queued_at', 'started_at', 'lease_expires_at', 'completed_at', 'worker_id',
        'cancel_requested_at', 'cancel_requested_by', 'cancel_reason', 'checkpoint', 'progress', 'error_message', 'result'];
    indexes text[] := ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'jobs'::regclass AND NOT indisprimary);
    triggers text[] := ARRAY(SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'jobs'::regclass AND NOT tgisinternal);
    checks text[] := ARRAY(
        SELECT format('ALTER TABLE jobs ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE conrelid = 'jobs'::regclass AND contype = 'c');
    statement text;
    copies text;
BEGIN
    IF (SELECT min(attnum) FILTER (WHERE attname = ANY (moving)) > max(attnum) FILTER (WHERE attname <> ALL (moving))
        FROM pg_attribute WHERE attrelid = 'jobs'::regclass AND attnum > 0 AND NOT attisdropped) THEN
        RETURN;  -- After a roll back they stand there already.
    END IF;

    FOR statement IN
        SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE indrelid = 'jobs'::regclass AND NOT indisprimary
        UNION ALL SELECT format('DROP TRIGGER %I ON jobs', tgname) FROM pg_trigger
        WHERE tgrelid = 'jobs'::regclass AND NOT tgisinternal
        UNION ALL SELECT format('ALTER TABLE jobs DROP CONSTRAINT %I', conname) FROM pg_constraint
        WHERE conrelid = 'jobs'::regclass AND contype = 'c'
    LOOP
        EXECUTE statement;
    END LOOP;

    SELECT string_agg(concat_ws(', ',
        format('ALTER %1$I TYPE %2$s USING %3$I', name, type, name || '_before'),
        -- Otherwise the rows keep what was in the column.
        format('ALTER %I TYPE boolean USING NULL', name || '_before'),
        CASE WHEN value IS NOT NULL THEN format('ALTER %I SET DEFAULT %s', name, value) END,
        CASE WHEN is_required THEN format('ALTER %I SET NOT NULL', name) END), ', ')
    INTO copies
    FROM (
        SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS is_required,
            pg_get_expr(adbin, adrelid) AS value
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = 'jobs'::regclass AND attname = ANY (moving)) AS columns;

    FOR statement IN
        SELECT concat_ws('; ',
            format('ALTER TABLE jobs ALTER %1$I DROP DEFAULT, ALTER %1$I DROP NOT NULL', name),
            format('ALTER TABLE jobs RENAME %I TO %I', name, name || '_before'),
            format('ALTER TABLE jobs ADD %I %s', name, format_type(atttypid, atttypmod)))
        FROM unnest(moving) WITH ORDINALITY AS columns (name, place)
        JOIN pg_attribute ON attrelid = 'jobs'::regclass AND attname = name
        ORDER BY place
    LOOP
        EXECUTE statement;
    END LOOP;

    EXECUTE 'ALTER TABLE jobs ' || copies;
    EXECUTE (SELECT 'ALTER TABLE jobs ' || string_agg(format('DROP %I', name || '_before'), ', ') FROM unnest(moving) AS name);

    FOREACH statement IN ARRAY checks || triggers || indexes LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

-- One index for lists by job type, by queue, and by both. A job that waits has one entry less for lists of all jobs: they take it from
-- the list of its state. If it was not changed since its submission, it is listed by created_at.
CREATE INDEX jobs_settled_created_idx ON jobs (created_at, id) INCLUDE (updated_at) WHERE status NOT IN ('pending', 'queued', 'running');
CREATE INDEX jobs_settled_status_idx ON jobs (status, created_at, id) INCLUDE (updated_at) WHERE status NOT IN ('queued', 'running');
CREATE INDEX jobs_settled_updated_idx ON jobs (status, updated_at, id) INCLUDE (created_at)
WHERE status NOT IN ('queued', 'running') AND (status <> 'pending' OR updated_at <> created_at);
CREATE INDEX jobs_settled_type_idx ON jobs (job_type, queue_name, created_at, id) INCLUDE (status, updated_at, priority)
WHERE status NOT IN ('queued', 'running');
