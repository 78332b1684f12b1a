-- The job that waits for the end of a series of submissions: it gets the last payload, and waits on, but not longer than it may.
UPDATE jobs SET
    payload = CAST(:payload AS jsonb), limit_key = :limit_key,
    scheduled_at = least(
        clock_timestamp() + :debounce_ms * interval '1 millisecond',
        created_at + CAST(:max_wait_ms AS bigint) * interval '1 millisecond')
WHERE job_type = :job_type AND idempotency_key = :key
  AND status = 'pending' AND attempt = 0 AND cancel_requested_at IS NULL
RETURNING id, status::text AS status, created_at
