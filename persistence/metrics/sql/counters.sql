-- Every counter, its shards added up.
SELECT metric, job_type, label, sum(value) AS value, sum(seconds) AS seconds
FROM job_counters GROUP BY metric, job_type, label ORDER BY 1, 2, 3
