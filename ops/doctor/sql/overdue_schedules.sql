-- Schedules that are switched on, and by how many seconds the most overdue of them is late.
SELECT count(*) AS enabled, coalesce(max(extract(epoch FROM now() - next_run_at)), 0)::float AS late_s
FROM job_schedules WHERE enabled
