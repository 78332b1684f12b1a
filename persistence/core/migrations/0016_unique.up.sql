-- Unique and debounced jobs: what the code of a job type declares.
ALTER TABLE job_types ADD COLUMN uniqueness jsonb;
