INSERT INTO job_api_keys (id, name, role, secret_hash, expires_at, created_by)
VALUES (:id, :name, :role, :secret_hash, :expires_at, :created_by)
