SELECT id, name, role, created_by, created_at, expires_at, last_used_at, revoked_at, revoked_by
FROM job_api_keys
ORDER BY created_at, id
