-- Keep what was decided of a due time. A job is never replaced.
INSERT INTO job_schedule_runs (schedule_id, due_at, origin, outcome, reason, job_id)
VALUES (:schedule_id, :due_at, :origin, :outcome, :reason, :job_id)
ON CONFLICT (schedule_id, due_at) DO UPDATE SET
    origin = excluded.origin, outcome = excluded.outcome, reason = excluded.reason, job_id = excluded.job_id, created_at = now()
WHERE job_schedule_runs.outcome <> 'submitted'
