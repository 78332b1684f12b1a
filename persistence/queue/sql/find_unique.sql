-- The job that holds the key of a unique submission, and whether it keeps it.
SELECT
    id, status::text AS status, created_at,
    status::text = ANY(:states) OR coalesce(idempotency_expires_at > now(), false) AS is_held
FROM jobs
WHERE job_type = :job_type AND idempotency_key = :key
