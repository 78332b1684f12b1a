-- Every process, whether it was heard of, and from when until when: those that stopped too, for they took the place of others.
SELECT
    id, kind, threads, busy, state, lane,
    extract(epoch FROM started_at)::double precision AS started_at,
    extract(epoch FROM last_seen_at)::double precision AS last_seen_at,
    state IN ('running', 'stopping') AND last_seen_at > now() - :silence_ms * interval '1 millisecond' AS is_alive
FROM workers ORDER BY id
