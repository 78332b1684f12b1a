-- Sign out everywhere.
DELETE FROM job_dashboard_sessions WHERE key_id = :key_id
