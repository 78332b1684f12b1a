-- Whether a schedule is due.
SELECT EXISTS (SELECT FROM job_schedules WHERE enabled AND next_run_at <= clock_timestamp())
