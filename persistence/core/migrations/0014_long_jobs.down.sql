DROP TABLE job_logs;
ALTER TABLE jobs DROP checkpoint;
-- The version before refuses more: its workers would not boot with such a job type.
UPDATE job_types SET max_retries = least(max_retries, 10), timeout_ms = least(timeout_ms, 600000);
