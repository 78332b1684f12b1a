-- Whose session it is: nobody's once it or its key has ended.
SELECT key.id AS key_id, key.name, key.role
FROM job_dashboard_sessions AS session
JOIN job_api_keys AS key ON key.id = session.key_id
WHERE session.token_hash = :token_hash AND session.expires_at > now()
    AND key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > now())
