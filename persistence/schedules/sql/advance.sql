-- Move a schedule on.
UPDATE job_schedules SET
    next_run_at = :next_run_at, last_run_at = :last_run_at, last_error = :last_error, run_count = run_count + :runs
WHERE id = :id
