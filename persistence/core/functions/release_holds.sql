-- Decide on held steps whose time has come, a hundred at most; how many. Steps whose rows somebody has locked are left for the next time.
CREATE OR REPLACE FUNCTION release_holds() RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    due uuid[];
    step record;
    decided integer := 0;
BEGIN
    SELECT array_agg(h.job_id) INTO due FROM (
        SELECT job_id FROM workflow_holds WHERE due_at <= now() AND due_at IS NOT NULL AND decided_at IS NULL ORDER BY due_at LIMIT 100
    ) AS h;
    FOR step IN SELECT id, status::text AS status FROM jobs WHERE id = ANY(due) ORDER BY id FOR UPDATE SKIP LOCKED LOOP
        IF step.status = 'pending' THEN
            PERFORM decide_hold(step.id);
        ELSE
            UPDATE workflow_holds SET due_at = NULL WHERE job_id = step.id;
        END IF;
        decided := decided + 1;
    END LOOP;
    RETURN decided;
END
$$;
