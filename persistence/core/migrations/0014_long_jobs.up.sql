-- Lines that handlers log, and where an iteration stands.
CREATE TABLE job_logs (
    job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    attempt integer NOT NULL,
    -- From 1 in each attempt.
    line integer NOT NULL,
    logged_at timestamptz NOT NULL,
    level varchar(10) NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (job_id, attempt, line)
);

-- The cursor of each iteration of the handler, by its name: the next attempt goes on from there.
ALTER TABLE jobs ADD checkpoint jsonb;
