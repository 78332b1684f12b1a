UPDATE job_types SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, updated_at = now()
WHERE name = :name AND paused_at IS NOT NULL
