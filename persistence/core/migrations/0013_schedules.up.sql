-- Schedules with several rules, exclusions, an overlap policy, limits and a history of runs.

ALTER TABLE job_schedules
    -- One rule on each line: a cron line, or an interval.
    ALTER cron TYPE text,
    -- Days and cron lines at which nothing runs, one on each line.
    ADD exclude text,
    ADD start_at timestamptz,
    ADD end_at timestamptz CHECK (end_at > start_at),
    ADD jitter_ms integer NOT NULL DEFAULT 0 CHECK (jitter_ms >= 0),
    -- Due times that are missed for longer are not made up for. NULL: however old.
    ADD catch_up_window_s integer CHECK (catch_up_window_s > 0),
    -- Schedules of the version before run on as they did; new ones skip.
    ADD overlap varchar(20) NOT NULL DEFAULT 'allow_all'
        CHECK (overlap IN ('skip', 'buffer_one', 'buffer_all', 'cancel_other', 'allow_all')),
    ADD max_runs integer CHECK (max_runs > 0),
    ADD run_count integer NOT NULL DEFAULT 0,
    ADD max_failures integer CHECK (max_failures > 0),
    ADD pause_note text,
    -- Failures before it do not count for max_failures.
    ADD resumed_at timestamptz,
    -- What code declared, to tell its changes from those of operators. NULL: no code did.
    ADD declared jsonb,
    ADD declared_in varchar(255),
    ADD orphaned_at timestamptz;
ALTER TABLE job_schedules ALTER overlap SET DEFAULT 'skip';

-- Each due time that was decided on, once.
CREATE TABLE job_schedule_runs (
    schedule_id uuid NOT NULL REFERENCES job_schedules (id) ON DELETE CASCADE,
    due_at timestamptz NOT NULL,
    origin varchar(10) NOT NULL CHECK (origin IN ('due', 'catch_up', 'backfill', 'manual')),
    outcome varchar(10) NOT NULL CHECK (outcome IN ('submitted', 'skipped', 'missed', 'failed')),
    -- Why it was not submitted.
    reason text,
    -- No foreign key: a run outlives its job, and to delete jobs stays cheap.
    job_id uuid,
    -- How its job ended, as seen by a later run of the schedule.
    ended_as varchar(10) CHECK (ended_as IN ('completed', 'failed', 'cancelled', 'deleted')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schedule_id, due_at)
);
CREATE INDEX job_schedule_runs_open_idx ON job_schedule_runs (schedule_id, due_at) WHERE outcome = 'submitted' AND ended_as IS NULL;
CREATE INDEX job_schedule_runs_created_idx ON job_schedule_runs (created_at);
