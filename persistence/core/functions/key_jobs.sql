-- Ready jobs without a key, of types that have limits: they get one, and wait at the gate. Some at a time; how many.
CREATE OR REPLACE FUNCTION key_jobs(types text[]) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_variable
DECLARE
    keyed integer;
BEGIN
    UPDATE jobs SET ready = false, gated = true, limit_key = job_limit_key(
        (SELECT coalesce(t.limits_override, t.limits) FROM job_types t WHERE t.name = jobs.job_type), payload, metadata)
    WHERE id = ANY(ARRAY(
        SELECT j.id FROM ready_pairs() p CROSS JOIN LATERAL (
            SELECT id FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = p.queue_name AND job_type = p.job_type AND limit_key IS NULL
            ORDER BY queue_name, job_type, priority DESC, seq LIMIT 1000 FOR UPDATE SKIP LOCKED
        ) AS j
        WHERE p.job_type = ANY(types)))
      AND status = 'pending' AND ready AND limit_key IS NULL;
    GET DIAGNOSTICS keyed = ROW_COUNT;
    RETURN keyed;
END
$$;
