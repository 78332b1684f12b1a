-- Store lines that handlers logged. Lines of a job that is deleted are left out; a line that is stored already stays as it is.
INSERT INTO job_logs (job_id, attempt, line, logged_at, level, message)
SELECT l.job_id, l.attempt, l.line, l.logged_at, l.level, l.message
FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS l (
    job_id uuid, attempt integer, line integer, logged_at timestamptz, level text, message text
)
WHERE EXISTS (SELECT FROM jobs WHERE jobs.id = l.job_id)
ON CONFLICT DO NOTHING
