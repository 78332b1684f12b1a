DELETE FROM job_bulk_changes WHERE finished_at < now() - :days * interval '1 day'
