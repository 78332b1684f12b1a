-- Close a dead letter for good.
UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'discarded', resolved_by = :by
WHERE job_id = :id AND resolved_at IS NULL
