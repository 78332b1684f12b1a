-- Note what steps are held by.
INSERT INTO workflow_holds (job_id, kind, wait_ms, conditions, results)
SELECT job_id, kind, wait_ms, conditions, results
FROM jsonb_to_recordset(CAST(:holds AS jsonb)) AS h (job_id uuid, kind text, wait_ms bigint, conditions jsonb, results jsonb)
