-- Every live dispatcher. A dispatcher process has 0 threads; a worker that dispatches has the threads of the worker.
SELECT id, threads = 0 AS dedicated, extract(epoch FROM now() - last_seen_at) * 1000 AS age_ms FROM workers
WHERE kind = 'dispatcher' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
