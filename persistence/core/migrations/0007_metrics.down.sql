DROP TABLE job_background_tasks;
-- The version before keeps the sums in rows of their own: a counter must not go down.
INSERT INTO job_counters (metric, job_type, label, shard, value)
SELECT 'duration_sum', job_type, '', -1, sum(seconds) FROM job_counters WHERE metric = 'duration_bucket' GROUP BY job_type
ON CONFLICT (metric, job_type, label, shard) DO UPDATE SET value = job_counters.value + excluded.value;
ALTER TABLE job_counters DROP COLUMN seconds;
CREATE OR REPLACE FUNCTION jobs_set_ready() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.ready := NEW.blocked_by = 0 AND (NEW.scheduled_at IS NULL OR NEW.scheduled_at <= clock_timestamp());
    RETURN NEW;
END
$$;
ALTER TABLE jobs DROP COLUMN ready_at;
