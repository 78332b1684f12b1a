-- What the metrics need: since when a job is ready, counts that have a sum, and when each background task did its work.

-- Since when a job is ready, if neither created_at nor scheduled_at says so: a dependency ended, or the job came back.
ALTER TABLE jobs ADD COLUMN ready_at timestamptz;
CREATE OR REPLACE FUNCTION jobs_set_ready() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.ready := NEW.blocked_by = 0 AND (NEW.scheduled_at IS NULL OR NEW.scheduled_at <= clock_timestamp());
    -- Not when a dispatch or a claim is undone: the job has waited all the time.
    IF TG_OP = 'UPDATE' AND NEW.ready AND NOT (OLD.status = 'pending' AND OLD.ready) AND OLD.status <> 'queued'
       AND NEW.attempt >= OLD.attempt THEN
        NEW.ready_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

-- Of a histogram's bucket: the seconds that its events took together. So a histogram needs no row for its sum.
ALTER TABLE job_counters ADD COLUMN seconds double precision NOT NULL DEFAULT 0;

-- The background tasks of the dispatchers, and the tick of the schedules. NULL: never yet.
CREATE TABLE job_background_tasks (
    name varchar(50) PRIMARY KEY,
    last_success_at timestamptz
) WITH (fillfactor = 50);
INSERT INTO job_background_tasks (name)
SELECT unnest(ARRAY['abandoned', 'dispatch', 'forget', 'look', 'maintain', 'reap_dead', 'reconcile', 'rescue', 'schedules', 'silent']);
