-- A few at a time, by the next request that has a key: so no timer is needed.
DELETE FROM job_api_requests WHERE (actor, key) IN (
    SELECT actor, key FROM job_api_requests WHERE expires_at <= now()
    ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED)
