-- What a submission leaves open is its job type's own, in plain SQL and in schedules too.

-- A plain INSERT names no queue: it gets its job type's queue, and the type's own priority, max_retries and timeout_ms wherever
-- it has the column's default (a trigger cannot tell a default from the same number given). Who names the queue means every
-- other column as it stands; so does all that we submit ourselves, and the trigger does not fire for it.
DROP TRIGGER jobs_fill_queue ON jobs;
DROP FUNCTION jobs_fill_queue();
CREATE FUNCTION jobs_fill_defaults() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own job_types;
BEGIN
    SELECT * INTO own FROM job_types WHERE name = NEW.job_type;
    NEW.queue_name := coalesce(own.queue_name, 'default');
    IF FOUND THEN
        IF NEW.priority = 50 THEN NEW.priority := own.priority; END IF;
        IF NEW.max_retries = 3 THEN NEW.max_retries := own.max_retries; END IF;
        IF NEW.timeout_ms = 300000 THEN NEW.timeout_ms := own.timeout_ms; END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER jobs_fill_defaults BEFORE INSERT ON jobs
FOR EACH ROW WHEN (NEW.queue_name IS NULL) EXECUTE FUNCTION jobs_fill_defaults();

-- NULL: the job type's own, as it is when the job is made. Schedules could not say that so far: what stands at the default did.
ALTER TABLE job_schedules
    ALTER priority DROP NOT NULL, ALTER priority DROP DEFAULT,
    ALTER max_retries DROP NOT NULL, ALTER max_retries DROP DEFAULT,
    ALTER timeout_ms DROP NOT NULL, ALTER timeout_ms DROP DEFAULT;
UPDATE job_schedules SET
    priority = nullif(priority, 50), max_retries = nullif(max_retries, 3), timeout_ms = nullif(timeout_ms, 300000)
WHERE priority = 50 OR max_retries = 3 OR timeout_ms = 300000;
