-- What happened and how many jobs waited, by span of time: the statistics go back for weeks, and need no look at the jobs.
CREATE TABLE job_statistics (
    -- How long the span is: 10 seconds, a minute or an hour.
    span_s integer NOT NULL CHECK (span_s IN (10, 60, 3600)),
    -- Of all jobs (without a name), of a queue, or of a job type. No row of a name: nothing happened to it.
    kind varchar(10) NOT NULL CHECK (kind IN ('all', 'queue', 'job_type')),
    begins_at timestamptz NOT NULL,
    name varchar(100) NOT NULL,
    submitted double precision NOT NULL DEFAULT 0,
    -- Finished attempts, by outcome.
    completed double precision NOT NULL DEFAULT 0,
    retried double precision NOT NULL DEFAULT 0,
    failed double precision NOT NULL DEFAULT 0,
    discarded double precision NOT NULL DEFAULT 0,
    cancelled double precision NOT NULL DEFAULT 0,
    -- Histograms, in the buckets of job_counters: how long attempts ran, and how long jobs were ready before they started.
    runs double precision[],
    run_s double precision NOT NULL DEFAULT 0,
    waits double precision[],
    wait_s double precision NOT NULL DEFAULT 0,
    -- Averages; ready_most is a maximum. NULL: nobody counted.
    ready double precision,
    ready_most double precision,
    queued double precision,
    running double precision,
    dead_letters double precision,
    slots double precision,
    busy double precision,
    PRIMARY KEY (span_s, kind, begins_at, name)
);

-- The sums of job_counters at the end of the last span. What a counter has more than here belongs to the next one.
CREATE TABLE job_counter_marks (
    metric varchar(50) NOT NULL,
    name varchar(100) NOT NULL,
    label varchar(255) NOT NULL,
    value double precision NOT NULL,
    seconds double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (metric, name, label)
) WITH (fillfactor = 50);
INSERT INTO job_counter_marks
SELECT metric, job_type, label, sum(value), sum(seconds) FROM job_counters
WHERE metric IN ('processed', 'duration_bucket', 'wait_bucket') GROUP BY metric, job_type, label
UNION ALL SELECT 'submitted', '', '', CASE WHEN is_called THEN last_value ELSE 0 END, 0 FROM jobs_seq_seq;

INSERT INTO job_background_tasks (name) VALUES ('statistics');

-- With the id: the first and the newest open dead letter of a cause are found without a look at the others.
DROP INDEX dead_letter_jobs_fingerprint_idx;
CREATE INDEX dead_letter_jobs_fingerprint_idx ON dead_letter_jobs (fingerprint, id) WHERE resolved_at IS NULL;
