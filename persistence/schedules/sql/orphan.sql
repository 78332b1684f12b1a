-- Mark schedules that their code does not declare any more.
UPDATE job_schedules SET orphaned_at = now()
WHERE declared IS NOT NULL AND orphaned_at IS NULL AND declared_in = ANY(CAST(:loaded AS text[])) AND name <> ALL(CAST(:names AS text[]))
RETURNING name
