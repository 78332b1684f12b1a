-- Release the jobs that wait for jobs that have just ended, or cancel them with a parent that failed. Each child is updated once,
-- however many of its parents ended here. It looks a few rows up by key: the planner, who does not know how few, is kept from
-- reading whole tables for them.
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
