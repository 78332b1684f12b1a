-- Lock the schedule that is due first; those that another scheduler holds, and those that failed in this tick, are passed over.
SELECT * FROM job_schedules WHERE enabled AND next_run_at <= :now AND id <> ALL(CAST(:failed AS uuid[]))
ORDER BY next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED
