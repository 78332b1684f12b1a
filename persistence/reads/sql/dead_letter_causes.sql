SELECT fingerprint, max(job_type) AS job_type, max(error_type) AS error_type, max(left(error_message, 500)) AS error_message,
    count(*) AS count
FROM dead_letter_jobs
WHERE resolved_at IS NULL
GROUP BY fingerprint, CASE WHEN fingerprint IS NULL THEN id END
ORDER BY count(*) DESC, fingerprint
LIMIT :limit
