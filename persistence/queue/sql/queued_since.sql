-- Dispatches that were not claimed for a while. The caller looks them up in Redis.
SELECT id, dispatch_seq, queue_name, job_type, priority, seq, extract(epoch FROM now() - queued_at) * 1000 AS age_ms
FROM jobs
WHERE status = 'queued' AND queued_at <= now() - :age_ms * interval '1 millisecond'
ORDER BY queued_at
LIMIT :limit
