-- Move a schedule on.
UPDATE job_schedules SET next_run_at = :next_run_at, last_run_at = :last_run_at, last_error = :last_error WHERE id = :id
