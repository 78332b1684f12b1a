-- What was decided of a due time.
SELECT outcome, origin FROM job_schedule_runs WHERE schedule_id = :schedule_id AND due_at = :due_at
