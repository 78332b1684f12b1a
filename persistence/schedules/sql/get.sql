-- A schedule.
SELECT *, metadata AS meta FROM job_schedules WHERE id = :id
