-- The run of a job: its schedule, its due time, and the result of the last run before it that completed.
SELECT s.name, j.schedule_run_at AS due_at, (
    SELECT earlier.result FROM job_schedule_runs r JOIN jobs earlier ON earlier.id = r.job_id
    WHERE r.schedule_id = j.schedule_id AND r.due_at < j.schedule_run_at AND earlier.status::text = 'completed'
    ORDER BY r.due_at DESC LIMIT 1
) AS last_result
FROM jobs j JOIN job_schedules s ON s.id = j.schedule_id
WHERE j.id = :id
