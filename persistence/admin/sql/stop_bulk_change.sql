UPDATE job_bulk_changes SET finished_at = now(), stopped_by = :by WHERE id = :id AND finished_at IS NULL
RETURNING *
