-- Bring back the failed steps of a workflow, and those that were cancelled because of them or with the workflow; their ids.
-- What somebody cancelled by itself stays cancelled, and so does what depends on it. Call it before resume_workflow.sql.
CREATE OR REPLACE FUNCTION retry_workflow(in_workflow_id uuid, in_by text) RETURNS SETOF uuid
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    revived uuid[];
BEGIN
    WITH RECURSIVE steps AS (
        SELECT j.id FROM jobs j JOIN workflows w ON w.id = j.workflow_id
        WHERE w.id = in_workflow_id AND j.status NOT IN ('queued', 'running') AND (j.status = 'failed' OR j.status = 'cancelled' AND (
            j.cancel_requested_at >= w.cancel_requested_at
            OR j.cancel_requested_by IS NULL
                AND EXISTS (SELECT FROM workflow_holds h WHERE h.job_id = j.id AND h.decided_at IS NOT NULL)))
        UNION
        SELECT j.id FROM steps s JOIN job_dependencies d ON d.depends_on_job_id = s.id JOIN jobs j ON j.id = d.job_id
        WHERE d.satisfied_at IS NULL AND d.on_failure = 'cancel' AND j.status = 'cancelled' AND j.cancel_requested_by IS NULL
          AND j.workflow_id = in_workflow_id
    )
    SELECT array_agg(id) INTO revived FROM steps;
    IF revived IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM jobs WHERE id = ANY(revived) ORDER BY id FOR UPDATE;
    UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'requeued', resolved_by = in_by
    WHERE job_id = ANY(revived) AND resolved_at IS NULL;
    -- The trigger jobs_count_in_workflow decides on their holds anew.
    RETURN QUERY
    UPDATE jobs SET
        status = 'pending', retry_count = 0, worker_deaths = 0, scheduled_at = NULL, completed_at = NULL, result = NULL,
        cancel_requested_at = NULL, cancel_requested_by = NULL, cancel_reason = NULL, progress = NULL
    WHERE id = ANY(revived) AND status IN ('failed', 'cancelled')
    RETURNING jobs.id;
END
$$;
