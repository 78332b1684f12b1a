-- Threads of the live workers by queue, and what a limit leaves of them. A queue that nobody serves is not in the answer.
SELECT
    served.queue_name, served.threads, served.workers,
    CASE WHEN q.max_running IS NOT NULL THEN
        greatest(0, q.max_running
            -- Two counts, for each state has its own small index.
            - (SELECT count(*) FROM jobs WHERE status = 'queued' AND queue_name = served.queue_name)
            - (SELECT count(*) FROM jobs WHERE status = 'running' AND queue_name = served.queue_name))
    END AS allowed
FROM (
    SELECT queue_name, sum(threads)::integer AS threads, count(*)::integer AS workers
    FROM workers, unnest(queues) AS queue_name
    WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
    GROUP BY queue_name
) AS served
LEFT JOIN job_queues q ON q.name = served.queue_name
