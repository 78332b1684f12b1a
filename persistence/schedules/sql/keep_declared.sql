-- Keep what the code said of a schedule.
UPDATE job_schedules SET declared = CAST(:declared AS jsonb), declared_in = :module, orphaned_at = NULL
WHERE id = :id AND (declared, declared_in, orphaned_at) IS DISTINCT FROM (CAST(:declared AS jsonb), CAST(:module AS varchar), NULL)
