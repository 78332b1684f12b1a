-- Every live dispatcher. A dispatcher process has 0 threads; a worker that dispatches has the threads of the worker.
SELECT id, threads = 0 AS dedicated FROM workers
WHERE kind = 'dispatcher' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
