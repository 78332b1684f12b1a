-- Let jobs of limited types through the gate, as many as their limits and the lanes' free threads allow: they become ready.
-- One dispatcher at a time admits jobs of a type: two together would not keep to its limit. See `persistence.queue.limits`.
CREATE OR REPLACE FUNCTION admit_jobs(wanted jsonb) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_variable
DECLARE
    gate record;
    served text[];
    admitted integer := 0;
    done integer;
BEGIN
    FOR gate IN
        -- Limits that were taken away admit all that still waits for them.
        SELECT s.job_type, coalesce(t.limits_override, t.limits, '{}') AS limits
        FROM job_limit_states s JOIN job_types t ON t.name = s.job_type
        WHERE t.paused_at IS NULL
          AND EXISTS (
              SELECT FROM jobs j WHERE j.status = 'pending' AND j.gated AND j.job_type = s.job_type
              ORDER BY j.job_type, j.limit_key, j.priority DESC, j.seq LIMIT 1
          )
        ORDER BY s.job_type FOR NO KEY UPDATE OF s SKIP LOCKED
    LOOP
        IF gate.limits ->> 'strategy' LIKE 'cancel%' THEN
            PERFORM cancel_over_limit(gate.job_type, gate.limits);
        END IF;
        SELECT array_agg(DISTINCT queue) INTO served
        FROM jsonb_to_recordset(wanted) AS l (queues jsonb, job_types jsonb), jsonb_array_elements_text(l.queues) AS queue
        WHERE l.job_types ? gate.job_type
          AND NOT EXISTS (SELECT FROM job_queues q WHERE q.name = queue AND q.paused_at IS NOT NULL);
        IF served IS NOT NULL THEN
            done := admit_jobs_of(gate.job_type, gate.limits, served, (
                SELECT sum(l.free) FROM jsonb_to_recordset(wanted) AS l (free integer, job_types jsonb)
                WHERE l.job_types ? gate.job_type
            )::integer);
            admitted := admitted + done;
        END IF;
    END LOOP;
    RETURN admitted;
END
$$;
