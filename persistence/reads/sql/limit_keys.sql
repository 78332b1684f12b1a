SET LOCAL jit = off;
-- The limited job types of a queue, and their keys with the most waiting jobs. Of each type, the first 10,000 jobs that wait and the
-- first 10,000 that hold a place are counted.
WITH limited AS (SELECT name, limits FROM job_types WHERE queue_name = :queue_name AND limits IS NOT NULL ORDER BY name LIMIT 20),
counted AS (
    SELECT l.name AS job_type, waiting.limit_key, count(*) AS waiting, 0 AS holding FROM limited l CROSS JOIN LATERAL (
        SELECT limit_key FROM jobs WHERE status = 'pending' AND gated AND job_type = l.name ORDER BY job_type, limit_key LIMIT 10000
    ) AS waiting GROUP BY 1, 2
    UNION ALL
    SELECT l.name, held.limit_key, 0, count(*) FROM limited l CROSS JOIN LATERAL (
        SELECT limit_key FROM jobs
        WHERE limit_key IS NOT NULL AND ready AND status IN ('pending', 'queued', 'running') AND job_type = l.name
        ORDER BY job_type, limit_key LIMIT 10000
    ) AS held GROUP BY 1, 2
),
keys AS (
    SELECT job_type, limit_key, sum(waiting) AS waiting, sum(holding) AS holding,
        row_number() OVER (PARTITION BY job_type ORDER BY sum(waiting) DESC, sum(holding) DESC, limit_key) AS place
    FROM counted GROUP BY job_type, limit_key
)
SELECT l.name AS job_type, l.limits, k.limit_key, coalesce(k.waiting, 0)::integer AS waiting, coalesce(k.holding, 0)::integer AS holding
FROM limited l LEFT JOIN keys k ON k.job_type = l.name AND k.place <= :keys
ORDER BY l.name, k.place
