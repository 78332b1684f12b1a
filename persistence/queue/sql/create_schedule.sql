-- Store a schedule; no row in the answer when the name is taken.
INSERT INTO job_schedules
    (name, job_type, cron, timezone, payload, priority, max_retries, timeout_ms, enabled, catch_up, created_by, next_run_at)
VALUES (:name, :job_type, :cron, :timezone, CAST(:payload AS jsonb), :priority, :max_retries, :timeout_ms, :enabled,
        :catch_up, :created_by, :next_run_at)
ON CONFLICT (name) DO NOTHING
RETURNING id
