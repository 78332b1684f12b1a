-- Changes of everything that matches a filter. Dispatchers work them off, some jobs at a time.
CREATE TABLE job_bulk_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action varchar(10) NOT NULL CHECK (action IN ('cancel', 'retry', 'change', 'requeue', 'discard')),
    -- Conditions of jobs, or of dead letters for requeue and discard. What came after created_at is left alone.
    filter jsonb NOT NULL,
    -- What the action takes besides: priority, scheduled_at, per_second.
    options jsonb NOT NULL DEFAULT '{}',
    reason varchar(1000),
    -- How many matched when it began, counted up to 1,000,000.
    matched int NOT NULL,
    -- How many were looked at, and changed. The others changed by themselves meanwhile.
    looked_at bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    -- The last one that was looked at: {"created_at": …, "id": …}, or {"id": …} of a dead letter.
    position jsonb,
    created_by varchar(255) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    moved_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    stopped_by varchar(255),
    -- Why it could not go on.
    error varchar(2000)
);
CREATE INDEX job_bulk_changes_open_idx ON job_bulk_changes (moved_at) WHERE finished_at IS NULL;
