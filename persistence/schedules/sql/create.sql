-- Store a schedule; no row in the answer when the name is taken.
INSERT INTO job_schedules (
    name, job_type, cron, timezone, exclude, start_at, end_at, jitter_ms, payload, priority, max_retries, timeout_ms, enabled,
    pause_note, catch_up, catch_up_window_s, overlap, max_runs, max_failures, created_by, next_run_at
)
VALUES (
    :name, :job_type, :cron, :timezone, :exclude, :start_at, :end_at, :jitter_ms, CAST(:payload AS jsonb), :priority, :max_retries,
    :timeout_ms, :enabled, :pause_note, :catch_up, :catch_up_window_s, :overlap, :max_runs, :max_failures, :created_by, :next_run_at
)
ON CONFLICT (name) DO NOTHING
RETURNING id
