UPDATE job_api_keys SET revoked_at = now(), revoked_by = :by
WHERE id = :id AND revoked_at IS NULL
RETURNING id, name, role, created_by, created_at, expires_at, last_used_at, revoked_at, revoked_by
