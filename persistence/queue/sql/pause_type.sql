UPDATE job_types SET paused_at = now(), paused_by = :by, pause_reason = :reason, updated_at = now()
WHERE name = :name AND paused_at IS NULL
