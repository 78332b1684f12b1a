-- How many jobs are ready, by queue.
SELECT queue_name, 'ready' AS status, count(*) AS jobs FROM jobs WHERE status = 'pending' AND ready GROUP BY queue_name
