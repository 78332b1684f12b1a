-- A session that is new; the expired ones of the same key go.
WITH gone AS (DELETE FROM job_dashboard_sessions WHERE key_id = :key_id AND expires_at <= now())
INSERT INTO job_dashboard_sessions (token_hash, key_id, expires_at)
VALUES (:token_hash, :key_id, now() + make_interval(secs => :lifetime_ms / 1000.0))
