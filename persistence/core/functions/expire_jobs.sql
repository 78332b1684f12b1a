-- Cancel jobs that were not begun before they expired; how many.
CREATE OR REPLACE FUNCTION expire_jobs() RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    expired integer;
BEGIN
    UPDATE jobs SET status = 'cancelled', completed_at = now(), cancel_requested_at = now(), cancel_reason = 'it expired'
    WHERE id = ANY(ARRAY(
        SELECT id FROM jobs WHERE expires_at <= now() AND expires_at IS NOT NULL AND status IN ('pending', 'queued')
        ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;
