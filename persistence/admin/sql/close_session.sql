-- Sign out.
DELETE FROM job_dashboard_sessions WHERE token_hash = :token_hash
