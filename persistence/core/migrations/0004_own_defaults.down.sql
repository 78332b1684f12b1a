UPDATE job_schedules SET
    priority = coalesce(priority, 50), max_retries = coalesce(max_retries, 3), timeout_ms = coalesce(timeout_ms, 300000)
WHERE priority IS NULL OR max_retries IS NULL OR timeout_ms IS NULL;
ALTER TABLE job_schedules
    ALTER priority SET DEFAULT 50, ALTER priority SET NOT NULL,
    ALTER max_retries SET DEFAULT 3, ALTER max_retries SET NOT NULL,
    ALTER timeout_ms SET DEFAULT 300000, ALTER timeout_ms SET NOT NULL;
DROP TRIGGER jobs_fill_defaults ON jobs;
DROP FUNCTION jobs_fill_defaults();
CREATE FUNCTION jobs_fill_queue() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.queue_name := coalesce((SELECT queue_name FROM job_types WHERE name = NEW.job_type), 'default');
    RETURN NEW;
END
$$;
CREATE TRIGGER jobs_fill_queue BEFORE INSERT ON jobs
FOR EACH ROW WHEN (NEW.queue_name IS NULL) EXECUTE FUNCTION jobs_fill_queue();
