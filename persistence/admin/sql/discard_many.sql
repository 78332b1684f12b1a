UPDATE dead_letter_jobs SET resolved_at = now(), resolution = 'discarded', resolved_by = :by
WHERE resolved_at IS NULL AND job_id = ANY(CAST(:ids AS uuid[]))
RETURNING job_id AS id, 'failed' AS status
