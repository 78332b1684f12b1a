-- Write all that may change of a schedule.
UPDATE job_schedules SET
    name = :name, job_type = :job_type, cron = :cron, timezone = :timezone, exclude = :exclude, start_at = :start_at,
    end_at = :end_at, jitter_ms = :jitter_ms, payload = CAST(:payload AS jsonb), priority = :priority, max_retries = :max_retries,
    timeout_ms = :timeout_ms, enabled = :enabled, pause_note = :pause_note, resumed_at = :resumed_at, catch_up = :catch_up,
    catch_up_window_s = :catch_up_window_s, overlap = :overlap, max_runs = :max_runs, max_failures = :max_failures,
    next_run_at = :next_run_at, last_error = NULL
WHERE id = :id
