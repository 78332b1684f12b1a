-- What is due for the archive, by day (UTC) and kind. `kept`: of the jobs, those that stay for now; see move_jobs.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
WITH types AS (SELECT * FROM jsonb_to_recordset(CAST(:types AS jsonb)) AS t (job_type text, days integer)),
due AS (
    SELECT j.completed_at AS at,
        (j.idempotency_key IS NOT NULL AND j.idempotency_expires_at > now())
        OR EXISTS (SELECT FROM workflows w WHERE w.id = j.workflow_id AND w.finished_at IS NULL)
        OR (j.status = 'failed' OR j.has_dependents OR :dlq_days = 0) AND (
            EXISTS (SELECT FROM job_dependencies d WHERE d.depends_on_job_id = j.id)
            OR EXISTS (SELECT FROM dead_letter_jobs d WHERE d.job_id = j.id AND (
                d.resolved_at IS NULL OR :dlq_days = 0 OR d.resolved_at >= now() - :dlq_days * interval '1 day'))) AS is_kept
    FROM types t CROSS JOIN LATERAL (
        SELECT * FROM jobs WHERE job_type = t.job_type AND completed_at < now() - t.days * interval '1 day'
    ) AS j
)
SELECT (at AT TIME ZONE 'UTC')::date AS day, 'jobs' AS kind, count(*) AS due, count(*) FILTER (WHERE is_kept) AS kept FROM due GROUP BY 1
UNION ALL
SELECT (created_at AT TIME ZONE 'UTC')::date, 'dead_letters', count(*), 0 FROM dead_letter_jobs
WHERE :dlq_days > 0 AND created_at < now() - :dlq_days * interval '1 day' AND resolved_at < now() - :dlq_days * interval '1 day'
GROUP BY 1
UNION ALL
SELECT (at AT TIME ZONE 'UTC')::date, 'audit_entries', count(*), 0 FROM job_audit_log
WHERE :audit_days > 0 AND at < now() - :audit_days * interval '1 day'
GROUP BY 1
ORDER BY 1, 2
