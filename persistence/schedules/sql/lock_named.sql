-- A schedule by its name, locked.
SELECT * FROM job_schedules WHERE name = :name FOR UPDATE
