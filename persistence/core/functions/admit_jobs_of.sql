-- Admit jobs of one type; the caller holds its row of job_limit_states. Keys take turns from where the last round ended: a
-- round looks at no more keys than it can use, or 1,000, however many wait.
CREATE OR REPLACE FUNCTION admit_jobs_of(in_type text, limits jsonb, served text[], free integer) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    takes_turns boolean := coalesce(limits ->> 'strategy', 'queue') = 'round_robin';
    per_key integer := (limits ->> 'running_per_key')::integer;
    key_starts double precision := (limits -> 'starts_per_key' ->> 'count')::double precision;
    key_refill double precision := key_starts / (limits -> 'starts_per_key' ->> 'period_ms')::double precision;
    starts double precision := (limits -> 'starts' ->> 'count')::double precision;
    refill double precision := starts / (limits -> 'starts' ->> 'period_ms')::double precision;
    state job_limit_states;
    -- Those that are ready already have a claim on the free threads.
    room integer := free - (
        SELECT count(*) FROM jobs
        WHERE limit_key IS NOT NULL AND ready AND status IN ('pending', 'queued', 'running') AND status = 'pending'
          AND job_type = in_type
    );
    done integer;
    last text;
BEGIN
    SELECT * INTO state FROM job_limit_states WHERE job_type = in_type;
    IF limits ? 'running' THEN
        room := least(room, (limits ->> 'running')::integer - (
            SELECT count(*) FROM jobs
            WHERE limit_key IS NOT NULL AND ready AND status IN ('pending', 'queued', 'running') AND job_type = in_type
        ));
    END IF;
    IF starts IS NOT NULL THEN
        state.tokens := least(starts, coalesce(
            state.tokens + refill * extract(epoch FROM clock_timestamp() - state.refilled_at) * 1000, starts));
        room := least(room, floor(state.tokens)::integer);
    END IF;
    IF room <= 0 THEN
        RETURN 0;
    END IF;
    WITH RECURSIVE after_last AS (
        (SELECT limit_key, 1 AS place FROM jobs
         WHERE status = 'pending' AND gated AND job_type = in_type AND limit_key > state.last_key
         ORDER BY job_type, limit_key LIMIT 1)
        UNION ALL
        SELECT following.limit_key, place + 1 FROM after_last CROSS JOIN LATERAL (
            SELECT j.limit_key FROM jobs j
            WHERE j.status = 'pending' AND j.gated AND j.job_type = in_type AND j.limit_key > after_last.limit_key
            ORDER BY j.job_type, j.limit_key LIMIT 1
        ) AS following
    ),
    from_start AS (
        (SELECT limit_key, 1000001 AS place FROM jobs
         WHERE status = 'pending' AND gated AND job_type = in_type AND limit_key <= state.last_key
         ORDER BY job_type, limit_key LIMIT 1)
        UNION ALL
        SELECT following.limit_key, place + 1 FROM from_start CROSS JOIN LATERAL (
            SELECT j.limit_key FROM jobs j
            WHERE j.status = 'pending' AND j.gated AND j.job_type = in_type AND j.limit_key > from_start.limit_key
              AND j.limit_key <= state.last_key
            ORDER BY j.job_type, j.limit_key LIMIT 1
        ) AS following
    ),
    visited AS (
        SELECT * FROM (SELECT limit_key, place FROM after_last UNION ALL SELECT limit_key, place FROM from_start) AS both_parts
        LIMIT 1000
    ),
    open_keys AS MATERIALIZED (
        SELECT v.limit_key, v.place, b.tokens, least(room, floor(b.tokens)::integer, s.slots) AS allowed
        FROM visited v
        CROSS JOIN LATERAL (
            SELECT CASE WHEN per_key IS NOT NULL THEN per_key - (
                SELECT count(*)::integer FROM jobs j
                WHERE j.limit_key IS NOT NULL AND j.ready AND j.status IN ('pending', 'queued', 'running')
                  AND j.job_type = in_type AND j.limit_key = v.limit_key
            ) END AS slots
        ) AS s
        CROSS JOIN LATERAL (
            SELECT CASE WHEN key_starts IS NOT NULL THEN least(key_starts, coalesce((
                SELECT k.tokens + key_refill * extract(epoch FROM clock_timestamp() - k.refilled_at) * 1000
                FROM job_limit_buckets k WHERE k.job_type = in_type AND k.limit_key = v.limit_key
            ), key_starts)) END AS tokens
        ) AS b
        WHERE (s.slots IS NULL OR s.slots > 0) AND (b.tokens IS NULL OR b.tokens >= 1)
        LIMIT CASE WHEN takes_turns THEN room ELSE 1000 END
    ),
    next_jobs AS (
        SELECT k.limit_key, k.place, j.id, j.priority, j.seq,
            row_number() OVER (PARTITION BY k.limit_key ORDER BY j.priority DESC, j.seq) AS nth
        FROM open_keys k CROSS JOIN LATERAL (
            SELECT id, priority, seq FROM jobs
            WHERE status = 'pending' AND gated AND job_type = in_type AND limit_key = k.limit_key
              AND queue_name = ANY(served) AND cancel_requested_at IS NULL
            ORDER BY job_type, limit_key, priority DESC, seq
            LIMIT least(k.allowed, CASE WHEN takes_turns THEN ceil(room::numeric / (SELECT count(*) FROM open_keys)) END)
        ) AS j
    ),
    chosen AS (
        SELECT id FROM next_jobs
        ORDER BY CASE WHEN takes_turns THEN nth END, CASE WHEN takes_turns THEN place END, priority DESC, seq
        LIMIT room
    ),
    admitted AS (
        UPDATE jobs SET ready = true, gated = false
        WHERE id = ANY(ARRAY(
            SELECT id FROM jobs WHERE id = ANY(ARRAY(SELECT id FROM chosen)) AND status::text = 'pending' AND gated
            FOR UPDATE SKIP LOCKED))
        RETURNING limit_key
    ),
    taken AS (
        SELECT limit_key, place, tokens, count(*) AS jobs FROM admitted JOIN open_keys USING (limit_key) GROUP BY 1, 2, 3
    ),
    charged AS (
        INSERT INTO job_limit_buckets (job_type, limit_key, tokens, refilled_at)
        SELECT in_type, limit_key, tokens - jobs, clock_timestamp() FROM taken WHERE tokens IS NOT NULL
        ON CONFLICT (job_type, limit_key) DO UPDATE SET tokens = excluded.tokens, refilled_at = excluded.refilled_at
    )
    SELECT sum(jobs), (SELECT limit_key FROM taken ORDER BY place DESC LIMIT 1) INTO done, last FROM taken;
    IF done > 0 THEN
        UPDATE job_limit_states SET last_key = last, tokens = state.tokens - done, refilled_at = clock_timestamp()
        WHERE job_type = in_type;
    END IF;
    RETURN coalesce(done, 0);
END
$$;
