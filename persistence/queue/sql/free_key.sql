-- Take the idempotency key from a job that is over, and only while it is.
UPDATE jobs SET idempotency_key = NULL
WHERE id = :id AND idempotency_key = :idempotency_key
  AND status IN ('completed', 'failed', 'cancelled') AND coalesce(idempotency_expires_at <= now(), true)
