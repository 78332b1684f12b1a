UPDATE job_schedules SET
    name = :name, job_type = :job_type, cron = :cron, timezone = :timezone, payload = CAST(:payload AS jsonb),
    priority = :priority, max_retries = :max_retries, timeout_ms = :timeout_ms, enabled = :enabled, catch_up = :catch_up,
    next_run_at = :next_run_at, last_error = NULL
WHERE id = :id
