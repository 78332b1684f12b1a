-- Cancel what the limits of a type leave no place for. cancel_newest: jobs at the gate beyond the free places of their key.
-- cancel_in_progress: the newest jobs of a key take the places of older ones, whatever these do.
CREATE OR REPLACE FUNCTION cancel_over_limit(in_type text, limits jsonb) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    places integer := coalesce(limits ->> 'running_per_key', limits ->> 'running')::integer;
    reason text := format('%s of %s: at most %s at once', limits ->> 'strategy', in_type, places);
    newest_wins boolean := limits ->> 'strategy' = 'cancel_in_progress';
BEGIN
    WITH RECURSIVE keys AS (
        (SELECT limit_key FROM jobs WHERE status = 'pending' AND gated AND job_type = in_type
         ORDER BY job_type, limit_key LIMIT 1)
        UNION ALL
        SELECT following.limit_key FROM keys CROSS JOIN LATERAL (
            SELECT j.limit_key FROM jobs j
            WHERE j.status = 'pending' AND j.gated AND j.job_type = in_type AND j.limit_key > keys.limit_key
            ORDER BY j.job_type, j.limit_key LIMIT 1
        ) AS following
    ),
    -- Newest first, or those that hold a place and then the oldest: the first `places` stay.
    ranked AS (
        SELECT j.id, row_number() OVER (
            PARTITION BY k.limit_key
            ORDER BY CASE WHEN newest_wins THEN -j.seq ELSE j.holds END, CASE WHEN NOT newest_wins THEN -j.priority END, j.seq
        ) AS rank
        FROM (SELECT limit_key FROM keys LIMIT 1000) AS k CROSS JOIN LATERAL (
            SELECT id, priority, seq, 0 AS holds FROM jobs
            WHERE limit_key IS NOT NULL AND ready AND status IN ('pending', 'queued', 'running')
              AND job_type = in_type AND limit_key = k.limit_key
            UNION ALL
            (SELECT id, priority, seq, 1 FROM jobs
             WHERE status = 'pending' AND gated AND job_type = in_type AND limit_key = k.limit_key LIMIT 10000)
        ) AS j
    )
    UPDATE jobs SET
        status = CASE WHEN status = 'running' THEN status ELSE 'cancelled' END,
        completed_at = CASE WHEN status = 'running' THEN NULL ELSE now() END,
        cancel_requested_at = now(), cancel_reason = reason
    WHERE id = ANY(ARRAY(
        SELECT id FROM jobs
        WHERE id = ANY(ARRAY(SELECT id FROM ranked WHERE rank > places)) AND status IN ('pending', 'queued', 'running')
          AND cancel_requested_at IS NULL
        ORDER BY id FOR UPDATE SKIP LOCKED));
END
$$;
