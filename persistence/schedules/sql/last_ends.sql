-- How the last runs of a schedule ended, newest first.
SELECT ended_as FROM job_schedule_runs
WHERE schedule_id = :id AND ended_as IN ('completed', 'failed') AND created_at > coalesce(CAST(:since AS timestamptz), '-infinity')
ORDER BY due_at DESC LIMIT :count
