-- The job that holds an idempotency key, and whether it still has a right to it.
SELECT
    id, status::text AS status, created_at, payload = CAST(:payload AS jsonb) AS same_payload,
    status IN ('completed', 'failed', 'cancelled') AND coalesce(idempotency_expires_at <= now(), true) AS is_over
FROM jobs
WHERE job_type = :job_type AND idempotency_key = :idempotency_key
