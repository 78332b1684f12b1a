DROP TABLE job_schedule_runs;
-- The version before knows one cron line of five fields: other schedules cannot stay.
DELETE FROM job_schedules WHERE cron ~ E'\n' OR cron LIKE 'every %' OR length(cron) > 255 OR cron ~ '^\s*\S+(\s+\S+){5}\s*$';
ALTER TABLE job_schedules
    DROP exclude, DROP start_at, DROP end_at, DROP jitter_ms, DROP catch_up_window_s, DROP overlap, DROP max_runs, DROP run_count,
    DROP max_failures, DROP pause_note, DROP resumed_at, DROP declared, DROP declared_in, DROP orphaned_at,
    ALTER cron TYPE varchar(255);
