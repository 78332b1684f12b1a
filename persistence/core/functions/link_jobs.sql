-- Make jobs wait for others: the n-th child for the n-th parent. Each parent is asked once, and each child blocked once; held
-- children count their hold, too. New holds stand in workflow_holds before. A child that is to be cancelled with a parent that failed already is.
CREATE OR REPLACE FUNCTION link_jobs(children uuid[], parents uuid[], policies text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET aeon_jobs.links_jobs = 'on'
SET enable_seqscan = off SET enable_mergejoin = off AS $$
BEGIN
    -- Adding an edge and the end of its parent wait for each other. In one order, and parents before children, as everywhere.
    PERFORM FROM jobs WHERE id = ANY(parents) ORDER BY id FOR NO KEY UPDATE;
    UPDATE jobs SET has_dependents = true WHERE id = ANY(parents) AND NOT has_dependents;
    -- A statement of its own: it sees the parents as they are since they are locked.
    WITH edges AS (
        INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure, satisfied_at)
        SELECT e.child, e.parent, e.policy,
            CASE WHEN p.status = 'completed' OR p.status IN ('failed', 'cancelled') AND e.policy = 'run' THEN now() END
        FROM unnest(children, parents, policies) AS e (child, parent, policy) JOIN jobs p ON p.id = e.parent
        ORDER BY e.child, e.parent
        ON CONFLICT DO NOTHING
        RETURNING job_id, satisfied_at
    ),
    blocks AS (
        SELECT job_id, count(*) FILTER (WHERE satisfied_at IS NULL) AS added FROM edges GROUP BY job_id
    )
    UPDATE jobs SET blocked_by = blocked_by + b.added FROM blocks b WHERE jobs.id = b.job_id AND b.added > 0;
    -- Their ends have been and gone: nobody else would ever cancel the children. Those below follow by jobs_release_dependents.
    UPDATE jobs SET status = 'cancelled', completed_at = now(), cancel_requested_at = now(),
        cancel_reason = format('job %s, which it depends on, is %s', cause.parent, cause.status)
    FROM (
        SELECT DISTINCT ON (e.child) e.child, e.parent, p.status
        FROM unnest(children, parents, policies) AS e (child, parent, policy) JOIN jobs p ON p.id = e.parent
        WHERE e.policy = 'cancel' AND p.status::text IN ('failed', 'cancelled') ORDER BY e.child, e.parent
    ) AS cause
    WHERE jobs.id = cause.child AND jobs.status::text = 'pending';
END
$$;
