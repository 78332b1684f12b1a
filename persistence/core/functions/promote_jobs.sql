-- Mark what came due as ready, or as waiting for its limits (gated); how many. Sorting is forbidden, for the index of these jobs has them in order: the planner may
-- believe that few jobs are pending, and look through and sort all of them.
CREATE OR REPLACE FUNCTION promote_jobs() RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    promoted integer;
BEGIN
    UPDATE jobs SET ready = limit_key IS NULL, gated = limit_key IS NOT NULL
    WHERE id = ANY(ARRAY(
        SELECT id FROM jobs
        WHERE status = 'pending' AND NOT ready AND NOT gated AND blocked_by = 0 AND scheduled_at <= now()
        ORDER BY scheduled_at LIMIT 1000
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS promoted = ROW_COUNT;
    RETURN promoted;
END
$$;
