-- Add up what changed in workflows, end those that are over, and submit their callbacks; how many it settled. A workflow whose row
-- somebody has locked is left for the next time: it must not keep a dispatcher waiting.
CREATE OR REPLACE FUNCTION settle_workflows() RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    found uuid[];
    held uuid[];
BEGIN
    WITH RECURSIVE changed AS (
        (SELECT workflow_id FROM workflow_changes ORDER BY workflow_id LIMIT 1)
        UNION ALL
        SELECT following.workflow_id FROM changed CROSS JOIN LATERAL (
            SELECT c.workflow_id FROM workflow_changes c WHERE c.workflow_id > changed.workflow_id ORDER BY c.workflow_id LIMIT 1
        ) AS following
    )
    SELECT array_agg(workflow_id) INTO found FROM (SELECT workflow_id FROM changed LIMIT 1000) AS first_ones;
    SELECT array_agg(id) INTO held FROM (
        SELECT id FROM workflows WHERE id = ANY(found) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked;
    -- A job may come back from the archive after its workflow is gone.
    DELETE FROM workflow_changes c WHERE c.workflow_id = ANY(found) AND NOT EXISTS (SELECT FROM workflows WHERE id = c.workflow_id);
    IF held IS NULL THEN
        RETURN 0;
    END IF;
    -- A statement of its own: it sees all that was committed before the rows were locked. Whoever sees that a job ended also sees
    -- the jobs that it added before.
    WITH taken AS (
        DELETE FROM workflow_changes WHERE workflow_id = ANY(held) RETURNING *
    ),
    sums AS (
        SELECT w.id, w.finished_at, w.total + sum(t.total) AS total, w.completed + sum(t.completed) AS completed,
            w.failed + sum(t.failed) AS failed, w.cancelled + sum(t.cancelled) AS cancelled,
            -- A job that had ended began anew: an end that follows is another one.
            bool_or(least(t.completed, t.failed, t.cancelled) < 0) AS was_reopened
        FROM taken t JOIN workflows w ON w.id = t.workflow_id GROUP BY w.id
    ),
    settled AS (
        UPDATE workflows w SET
            total = s.total, completed = s.completed, failed = s.failed, cancelled = s.cancelled,
            state = CASE
                WHEN NOT (w.closed_at IS NOT NULL AND s.completed + s.failed + s.cancelled >= s.total)
                    THEN CASE WHEN s.total > 0 THEN 'running' ELSE 'pending' END
                WHEN s.failed > 0 THEN 'failed'
                WHEN s.cancelled > 0 OR w.cancel_requested_at IS NOT NULL AND s.completed = 0 THEN 'cancelled'
                ELSE 'completed' END,
            finished_at = CASE
                WHEN NOT (w.closed_at IS NOT NULL AND s.completed + s.failed + s.cancelled >= s.total) THEN NULL
                WHEN s.finished_at IS NOT NULL AND NOT s.was_reopened THEN s.finished_at
                ELSE clock_timestamp() END
        FROM sums s WHERE w.id = ANY(held) AND w.id = s.id
        RETURNING w.*, w.finished_at IS NOT NULL AND (s.finished_at IS NULL OR s.was_reopened) AS has_ended
    )
    INSERT INTO jobs (job_type, queue_name, payload, metadata, created_by)
    SELECT callback ->> 'job_type', NULL, coalesce(callback -> 'payload', '{}'),
        jsonb_build_object('workflow', jsonb_build_object(
            'id', id, 'kind', kind, 'name', name, 'state', state,
            'total', total, 'completed', completed, 'failed', failed, 'cancelled', cancelled)),
        created_by
    FROM settled CROSS JOIN LATERAL (VALUES
        (CASE WHEN state = 'completed' THEN on_success ELSE on_failure END), (on_finished)
    ) AS callbacks (callback)
    WHERE has_ended AND callback IS NOT NULL;
    RETURN cardinality(held);
END
$$;
