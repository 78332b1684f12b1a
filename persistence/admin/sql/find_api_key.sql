SELECT id, name, role, secret_hash
FROM job_api_keys
WHERE id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
