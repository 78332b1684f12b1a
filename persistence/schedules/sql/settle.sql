-- Note how the jobs of open runs ended.
UPDATE job_schedule_runs SET ended_as = ended.how
FROM (
    SELECT open.due_at, coalesce(
        j.status::text, (SELECT a.status::text FROM job_archive a WHERE a.id = open.job_id LIMIT 1), 'deleted') AS how
    FROM job_schedule_runs open LEFT JOIN jobs j ON j.id = open.job_id
    WHERE open.schedule_id = :id AND open.outcome = 'submitted' AND open.ended_as IS NULL
      AND (j.id IS NULL OR j.status::text IN ('completed', 'failed', 'cancelled'))
) ended
WHERE job_schedule_runs.schedule_id = :id AND job_schedule_runs.due_at = ended.due_at
