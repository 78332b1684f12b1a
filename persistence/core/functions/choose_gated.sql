-- Jobs of one type that its limits let through the gate at `moment`; `turn` is their order. The caller holds the type's row of
-- job_limit_states. Keys take turns from where the last round ended: a round looks at no more keys than it can use, or 1,000,
-- however many wait. See `persistence.queue.limits`.
CREATE OR REPLACE FUNCTION choose_gated(in_type text, limits jsonb, served text[], room integer, moment timestamptz)
RETURNS TABLE (
    id uuid, queue_name varchar, priority integer, seq bigint, limit_key varchar, turn bigint, place integer,
    key_tokens double precision, type_tokens double precision
)
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
            state.tokens + refill * greatest(0, extract(epoch FROM moment - state.refilled_at)) * 1000, starts));
        room := least(room, floor(state.tokens)::integer);
    ELSE
        -- A rate that is set later begins with a full bucket.
        state.tokens := NULL;
    END IF;
    IF room <= 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    -- Each key with its first job, by the order of the index.
    WITH RECURSIVE after_last AS (
        (SELECT limit_key, queue_name, priority, seq, 1 AS place FROM jobs
         WHERE status = 'pending' AND gated AND job_type = in_type AND limit_key > state.last_key
         ORDER BY job_type, limit_key, priority DESC, seq LIMIT 1)
        UNION ALL
        SELECT following.*, place + 1 FROM after_last CROSS JOIN LATERAL (
            SELECT j.limit_key, j.queue_name, j.priority, j.seq FROM jobs j
            WHERE j.status = 'pending' AND j.gated AND j.job_type = in_type AND j.limit_key > after_last.limit_key
            ORDER BY j.job_type, j.limit_key, j.priority DESC, j.seq LIMIT 1
        ) AS following
    ),
    from_start AS (
        (SELECT limit_key, queue_name, priority, seq, 1000001 AS place FROM jobs
         WHERE status = 'pending' AND gated AND job_type = in_type AND limit_key <= state.last_key
         ORDER BY job_type, limit_key, priority DESC, seq LIMIT 1)
        UNION ALL
        SELECT following.*, place + 1 FROM from_start CROSS JOIN LATERAL (
            SELECT j.limit_key, j.queue_name, j.priority, j.seq FROM jobs j
            WHERE j.status = 'pending' AND j.gated AND j.job_type = in_type AND j.limit_key > from_start.limit_key
              AND j.limit_key <= state.last_key
            ORDER BY j.job_type, j.limit_key, j.priority DESC, j.seq LIMIT 1
        ) AS following
    ),
    visited AS (
        SELECT * FROM (SELECT * FROM after_last UNION ALL SELECT * FROM from_start) AS both_parts LIMIT 1000
    ),
    -- In turns, or by their first jobs: a key whose first job is not among the first `room` ones has no job for this round.
    keys AS (
        SELECT limit_key, place FROM visited WHERE takes_turns
        UNION ALL
        (SELECT limit_key, place FROM visited WHERE NOT takes_turns
         ORDER BY queue_name = ANY(served) DESC, priority DESC, seq)
    ),
    open_keys AS MATERIALIZED (
        SELECT v.limit_key, v.place, b.tokens, least(room, floor(b.tokens)::integer, s.slots) AS allowed
        FROM keys v
        -- OFFSET 0: without it, each mention of `slots` would count anew.
        CROSS JOIN LATERAL (
            SELECT CASE WHEN per_key IS NOT NULL THEN per_key - (
                SELECT count(*)::integer FROM jobs j
                WHERE j.limit_key IS NOT NULL AND j.ready AND j.status IN ('pending', 'queued', 'running')
                  AND j.job_type = in_type AND j.limit_key = v.limit_key
            ) END AS slots OFFSET 0
        ) AS s
        CROSS JOIN LATERAL (
            SELECT CASE WHEN key_starts IS NOT NULL THEN least(key_starts, coalesce((
                SELECT k.tokens + key_refill * greatest(0, extract(epoch FROM moment - k.refilled_at)) * 1000
                FROM job_limit_buckets k WHERE k.job_type = in_type AND k.limit_key = v.limit_key
            ), key_starts)) END AS tokens OFFSET 0
        ) AS b
        WHERE (s.slots IS NULL OR s.slots > 0) AND (b.tokens IS NULL OR b.tokens >= 1)
        LIMIT room
    ),
    next_jobs AS (
        SELECT k.limit_key, k.place, k.tokens, j.id, j.queue_name, j.priority, j.seq,
            row_number() OVER (PARTITION BY k.limit_key ORDER BY j.priority DESC, j.seq) AS nth
        FROM open_keys k CROSS JOIN LATERAL (
            SELECT id, queue_name, priority, seq FROM jobs
            WHERE status = 'pending' AND gated AND job_type = in_type AND limit_key = k.limit_key
              AND queue_name = ANY(served) AND cancel_requested_at IS NULL
            ORDER BY job_type, limit_key, priority DESC, seq
            LIMIT least(k.allowed, CASE WHEN takes_turns THEN ceil(room::numeric / (SELECT count(*) FROM open_keys)) END)
        ) AS j
    ),
    ordered AS (
        SELECT *, row_number() OVER (
            ORDER BY CASE WHEN takes_turns THEN nth END, CASE WHEN takes_turns THEN place END, priority DESC, seq
        ) AS turn
        FROM next_jobs
    )
    SELECT id, queue_name, priority, seq, limit_key, turn, place, tokens, state.tokens FROM ordered WHERE turn <= room;
END
$$;
