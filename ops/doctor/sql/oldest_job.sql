-- The job that has waited longest for nothing but a thread, in a queue that is not paused. A pending row is touched when it
-- becomes ready, and hardly after. The settled rows' index on (status, updated_at, id) has them in order.
SELECT id, job_type, queue_name, extract(epoch FROM now() - updated_at)::float AS waited_s
FROM jobs
WHERE status = 'pending' AND status NOT IN ('queued', 'running') AND ready
    AND queue_name NOT IN (SELECT name FROM job_queues WHERE paused_at IS NOT NULL)
ORDER BY updated_at, id LIMIT 1
