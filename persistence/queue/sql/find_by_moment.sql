-- The job of a schedule's moment.
SELECT id, status::text AS status, created_at FROM jobs
WHERE schedule_id = CAST(:schedule_id AS uuid) AND schedule_run_at = CAST(:schedule_run_at AS timestamptz)
