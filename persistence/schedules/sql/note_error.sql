-- Keep the error of a schedule whose run could not be stored, and move it on.
UPDATE job_schedules SET next_run_at = :next_run_at, last_error = :error WHERE id = :id
