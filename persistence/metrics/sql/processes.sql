-- Every process that has not stopped, and whether it was heard of.
SELECT
    id, kind, threads, busy,
    state IN ('running', 'stopping') AND last_seen_at > now() - :silence_ms * interval '1 millisecond' AS is_alive
FROM workers WHERE state <> 'stopped' ORDER BY id
