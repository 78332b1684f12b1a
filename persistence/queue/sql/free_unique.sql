-- Take its key from a job that has no right to it any more, and only while it has none.
UPDATE jobs SET idempotency_key = NULL
WHERE id = :id AND idempotency_key = :key
  AND NOT (status::text = ANY(:states) OR coalesce(idempotency_expires_at > now(), false))
