DROP INDEX dead_letter_jobs_fingerprint_idx;
CREATE INDEX dead_letter_jobs_fingerprint_idx ON dead_letter_jobs (fingerprint) WHERE resolved_at IS NULL;
DELETE FROM job_background_tasks WHERE name = 'statistics';
DROP FUNCTION IF EXISTS record_statistics(double precision, boolean);
DROP TABLE job_counter_marks;
DROP TABLE job_statistics;
