-- The names that have metrics from the start: registered job types, and the queues of them, of live workers and with settings.
SELECT 'job_type' AS kind, name, false AS paused FROM job_types
UNION ALL
SELECT 'queue', names.name, coalesce(q.paused_at IS NOT NULL, false)
FROM (
    SELECT queue_name AS name FROM job_types
    UNION SELECT name FROM job_queues
    UNION SELECT unnest(queues) FROM workers WHERE kind = 'worker' AND state = 'running'
) AS names LEFT JOIN job_queues q ON q.name = names.name
ORDER BY 1, 2
