-- To the minute is enough, and spares a write per request.
UPDATE job_api_keys SET last_used_at = now()
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
