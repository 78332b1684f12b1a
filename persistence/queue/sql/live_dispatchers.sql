-- Whoever dispatches: a process of its own has 0 threads, a worker's helper has the worker's.
SELECT id, threads = 0 AS dedicated FROM workers
WHERE kind = 'dispatcher' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
