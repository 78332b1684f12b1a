-- Whether there is anything to do for a dispatcher: jobs to dispatch, and jobs or processes to look after. It runs every second, and to plan
-- it takes five times as long as to run it.
-- The orders, where sorting is forbidden, hold the planner to the small indexes that have nothing else: see promote_jobs.
CREATE OR REPLACE FUNCTION find_work(silence_ms integer, age_ms integer)
RETURNS TABLE (
    ready boolean, expired boolean, waiting boolean, expiring boolean, workflows boolean, bulk_changes boolean, holds boolean,
    silent boolean
)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_sort = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        (
            SELECT true FROM jobs WHERE status = 'pending' AND ready AND cancel_requested_at IS NULL
            ORDER BY queue_name, job_type, priority DESC, seq LIMIT 1
        ) IS NOT NULL OR coalesce((
            SELECT scheduled_at <= now() FROM jobs WHERE status = 'pending' AND NOT ready AND NOT gated AND blocked_by = 0
            ORDER BY scheduled_at LIMIT 1
        ), false) OR (
            SELECT true FROM jobs WHERE status = 'pending' AND gated
            ORDER BY job_type, limit_key, priority DESC, seq LIMIT 1
        ) IS NOT NULL AS ready,
        EXISTS (SELECT FROM jobs WHERE status = 'running' AND lease_expires_at < now()) AS expired,
        coalesce((
            SELECT queued_at <= now() - age_ms * interval '1 millisecond' FROM jobs WHERE status = 'queued'
            ORDER BY queued_at LIMIT 1
        ), false) AS waiting,
        EXISTS (
            SELECT FROM jobs WHERE expires_at <= now() AND expires_at IS NOT NULL AND status IN ('pending', 'queued')
        ) AS expiring,
        EXISTS (SELECT FROM workflows WHERE finished_at IS NULL AND deadline_at <= now())
            OR (SELECT true FROM workflow_changes ORDER BY workflow_id LIMIT 1) IS NOT NULL AS workflows,
        (SELECT true FROM job_bulk_changes WHERE finished_at IS NULL ORDER BY moved_at LIMIT 1) IS NOT NULL AS bulk_changes,
        EXISTS (SELECT FROM workflow_holds WHERE due_at <= now() AND due_at IS NOT NULL AND decided_at IS NULL) AS holds,
        EXISTS (
            SELECT FROM workers
            WHERE last_seen_at < now() - silence_ms * interval '1 millisecond' AND state IN ('running', 'stopping')
        ) AS silent;
END
$$;
