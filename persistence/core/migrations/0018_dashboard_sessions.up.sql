-- Who is signed in to the dashboard. The API processes share it.
CREATE TABLE job_dashboard_sessions (
    -- SHA-256 of the random token in the cookie.
    token_hash bytea PRIMARY KEY,
    key_id varchar(16) NOT NULL REFERENCES job_api_keys (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX job_dashboard_sessions_key_idx ON job_dashboard_sessions (key_id);
