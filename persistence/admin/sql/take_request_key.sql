-- Waits for another transaction that holds the same key, so the same request twice at once runs once.
INSERT INTO job_api_requests (actor, key, fingerprint, expires_at)
VALUES (:actor, :key, :fingerprint, now() + :window_s * interval '1 second')
ON CONFLICT (actor, key) DO UPDATE SET
    fingerprint = excluded.fingerprint, answer = NULL, created_at = now(), expires_at = excluded.expires_at
WHERE job_api_requests.expires_at <= now()
RETURNING key
