-- Job types that live workers define with different payload schemas.
SELECT digests.key AS job_type, array_agg(workers.id ORDER BY workers.id) AS worker_ids
FROM workers CROSS JOIN LATERAL jsonb_each_text(schema_digests) AS digests
WHERE kind = 'worker' AND state = 'running' AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
GROUP BY digests.key HAVING count(DISTINCT digests.value) > 1
ORDER BY digests.key
