-- Modules that declared a schedule.
SELECT DISTINCT declared_in FROM job_schedules WHERE declared IS NOT NULL
