UPDATE job_bulk_changes SET finished_at = now(), error = left(:error, 2000) WHERE id = :id AND finished_at IS NULL
