DROP TABLE job_bulk_changes;
