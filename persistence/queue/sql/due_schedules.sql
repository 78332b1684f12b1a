-- Lock the schedules that are due; those that another ticker holds are passed over.
SELECT * FROM job_schedules WHERE enabled AND next_run_at <= :now ORDER BY next_run_at FOR UPDATE SKIP LOCKED
