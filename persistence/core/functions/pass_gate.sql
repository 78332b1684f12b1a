-- Let jobs of limited types through the gate, as many as their limits and the lanes' free threads allow. `at_once`: nobody else
-- wants the threads of the one lane that is wanted, so one update makes them queued, and they are returned. Else they become
-- ready, and the dispatch decides between them and all others; nothing is returned.
-- One dispatcher at a time admits jobs of a type: two together would not keep to its limits. See `persistence.queue.limits`.
CREATE OR REPLACE FUNCTION pass_gate(wanted jsonb, at_once boolean)
RETURNS TABLE (id uuid, dispatch_seq integer, queue_name varchar, job_type varchar, priority integer, seq bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    gate record;
    moment timestamptz := clock_timestamp();
    served text[];
    room integer;
    chosen jsonb := '[]';
    admitted uuid[];
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
        CONTINUE WHEN served IS NULL;
        SELECT sum(l.free) INTO room FROM jsonb_to_recordset(wanted) AS l (free integer, job_types jsonb)
        WHERE l.job_types ? gate.job_type;
        IF NOT at_once THEN
            -- Those that are ready already have a claim on the free threads.
            room := room - (
                SELECT count(*) FROM jobs j
                WHERE j.limit_key IS NOT NULL AND j.ready AND j.status IN ('pending', 'queued', 'running')
                  AND j.status = 'pending' AND j.job_type = gate.job_type);
        END IF;
        SELECT chosen || coalesce(jsonb_agg(to_jsonb(c) || jsonb_build_object('job_type', gate.job_type)), '[]') INTO chosen
        FROM choose_gated(gate.job_type, gate.limits, served, room, moment) AS c;
    END LOOP;
    IF chosen = '[]' THEN
        RETURN;
    END IF;
    IF at_once THEN
        -- Jobs of several types may be more than there are free threads. The queues are locked as in any other dispatch.
        WITH locked AS (
            SELECT q.name FROM job_queues q
            WHERE q.name IN (SELECT c.queue_name FROM jsonb_to_recordset(chosen) AS c (queue_name text)) AND q.paused_at IS NULL
            ORDER BY q.name FOR NO KEY UPDATE SKIP LOCKED
        ),
        first AS (
            SELECT c.id FROM jsonb_to_recordset(chosen) AS c (id uuid, queue_name text, priority integer, turn bigint, seq bigint)
            WHERE c.queue_name IN (SELECT name FROM locked) OR NOT EXISTS (SELECT FROM job_queues q WHERE q.name = c.queue_name)
            ORDER BY c.priority DESC, c.turn, c.seq LIMIT (wanted -> 0 ->> 'free')::integer
        ),
        dispatched AS (
            UPDATE jobs SET status = 'queued', dispatch_seq = dispatch_seq + 1, queued_at = now(), ready = true, gated = false
            WHERE id = ANY(ARRAY(
                SELECT id FROM jobs WHERE id = ANY(ARRAY(SELECT id FROM first)) AND status::text = 'pending' AND gated
                FOR UPDATE SKIP LOCKED))
            RETURNING jobs.id
        )
        SELECT array_agg(id) INTO admitted FROM dispatched;
    ELSE
        WITH let_through AS (
            UPDATE jobs SET ready = true, gated = false
            WHERE id = ANY(ARRAY(
                SELECT id FROM jobs
                WHERE id = ANY(ARRAY(SELECT c.id FROM jsonb_to_recordset(chosen) AS c (id uuid)))
                  AND status::text = 'pending' AND gated
                FOR UPDATE SKIP LOCKED))
            RETURNING jobs.id
        )
        SELECT array_agg(id) INTO admitted FROM let_through;
    END IF;
    -- Starts are taken from the buckets, and the next round goes on behind the last key.
    WITH taken AS MATERIALIZED (
        SELECT c.job_type, c.limit_key, c.place, c.key_tokens, c.type_tokens, count(*) AS jobs
        FROM jsonb_to_recordset(chosen) AS c (
            id uuid, job_type text, limit_key text, place integer, key_tokens double precision, type_tokens double precision)
        JOIN unnest(admitted) AS a (id) USING (id) GROUP BY 1, 2, 3, 4, 5
    ),
    charged AS (
        INSERT INTO job_limit_buckets (job_type, limit_key, tokens, refilled_at)
        SELECT job_type, limit_key, key_tokens - jobs, moment FROM taken WHERE key_tokens IS NOT NULL
        ON CONFLICT (job_type, limit_key) DO UPDATE SET tokens = excluded.tokens, refilled_at = excluded.refilled_at
    ),
    by_type AS (
        SELECT job_type, type_tokens, sum(jobs) AS jobs, (array_agg(limit_key ORDER BY place DESC))[1] AS last
        FROM taken GROUP BY job_type, type_tokens
    )
    UPDATE job_limit_states s SET last_key = b.last, tokens = b.type_tokens - b.jobs, refilled_at = moment
    FROM by_type b WHERE s.job_type = b.job_type;
    RETURN QUERY
    SELECT j.id, j.dispatch_seq, j.queue_name, j.job_type, j.priority, j.seq FROM jobs j
    WHERE at_once AND j.id = ANY(admitted);
END
$$;
