-- Close the dead letter of a message from which no job could be told.
UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'discarded', resolved_by = :by
WHERE id = :id AND job_id IS NULL AND resolved_at IS NULL
