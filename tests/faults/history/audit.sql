-- Every change of a job that matters, noted in the transaction that makes it; and the table of the transactional handler.
CREATE TABLE history_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id uuid NOT NULL, old_status text NOT NULL, new_status text NOT NULL,
    old_attempt integer NOT NULL, new_attempt integer NOT NULL,
    retries integer NOT NULL, deaths integer NOT NULL, result_changed boolean NOT NULL
);
CREATE FUNCTION history_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history_changes
        (job_id, old_status, new_status, old_attempt, new_attempt, retries, deaths, result_changed)
    VALUES (NEW.id, OLD.status, NEW.status, OLD.attempt, NEW.attempt, NEW.retry_count - OLD.retry_count,
            NEW.worker_deaths - OLD.worker_deaths, NEW.result IS DISTINCT FROM OLD.result);
    RETURN NULL;
END
$$;
CREATE TRIGGER history_note AFTER UPDATE ON jobs FOR EACH ROW
WHEN ((OLD.status, OLD.attempt, OLD.retry_count, OLD.worker_deaths, OLD.result, OLD.error_message, OLD.completed_at)
      IS DISTINCT FROM
      (NEW.status, NEW.attempt, NEW.retry_count, NEW.worker_deaths, NEW.result, NEW.error_message, NEW.completed_at))
EXECUTE FUNCTION history_note();
CREATE TABLE history_bookings (job_id uuid NOT NULL, attempt integer NOT NULL);
