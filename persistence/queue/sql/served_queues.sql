-- The queues of live workers.
SELECT DISTINCT queue_name FROM workers, unnest(queues) AS queue_name
WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
ORDER BY queue_name
