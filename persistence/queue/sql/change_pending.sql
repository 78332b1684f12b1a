-- Change a job that has not started. A null leaves what is there; `unschedule` makes it due at once.
UPDATE jobs SET
    priority = coalesce(:priority, priority),
    scheduled_at = CASE WHEN :unschedule THEN NULL ELSE coalesce(CAST(:scheduled_at AS timestamptz), scheduled_at) END
WHERE id = :id AND status = 'pending'
RETURNING id
