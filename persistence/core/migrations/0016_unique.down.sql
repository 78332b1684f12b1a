ALTER TABLE job_types DROP COLUMN uniqueness;
