-- How many jobs are queued and running, by queue. Two parts, for each state has its own small index.
SELECT queue_name, 'queued' AS status, count(*) AS jobs FROM jobs WHERE status = 'queued' GROUP BY queue_name
UNION ALL
SELECT queue_name, 'running', count(*) FROM jobs WHERE status = 'running' GROUP BY queue_name
