-- Pause a schedule that failed too often.
UPDATE job_schedules SET enabled = false, pause_note = :note WHERE id = :id
