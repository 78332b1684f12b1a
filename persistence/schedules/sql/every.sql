-- All schedules, by name.
SELECT *, metadata AS meta FROM job_schedules ORDER BY name
