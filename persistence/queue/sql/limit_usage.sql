-- Who waits for the limits of a job type, and who holds a place, by key. It looks at the first 1,000 keys that wait, and
-- counts 1,000 jobs of each at most.
WITH RECURSIVE waiting_keys AS (
    (SELECT limit_key, 1 AS place FROM jobs WHERE status = 'pending' AND gated AND job_type = :name
     ORDER BY job_type, limit_key LIMIT 1)
    UNION ALL
    SELECT following.limit_key, place + 1 FROM waiting_keys CROSS JOIN LATERAL (
        SELECT j.limit_key FROM jobs j
        WHERE j.status = 'pending' AND j.gated AND j.job_type = :name AND j.limit_key > waiting_keys.limit_key
        ORDER BY j.job_type, j.limit_key LIMIT 1
    ) AS following
    WHERE place < :keys
),
waiting AS (
    SELECT k.limit_key, (
        SELECT count(*) FROM (
            SELECT FROM jobs j WHERE j.status = 'pending' AND j.gated AND j.job_type = :name AND j.limit_key = k.limit_key
            LIMIT :counted) AS some_jobs) AS waiting
    FROM waiting_keys k
),
holding AS (
    SELECT limit_key, count(*) AS running FROM jobs
    WHERE limit_key IS NOT NULL AND ready AND status IN ('pending', 'queued', 'running') AND job_type = :name
    GROUP BY limit_key
)
SELECT limit_key AS key, coalesce(waiting, 0) AS waiting, coalesce(running, 0) AS running
FROM waiting FULL JOIN holding USING (limit_key)
ORDER BY 2 DESC, 3 DESC, 1 LIMIT :shown
