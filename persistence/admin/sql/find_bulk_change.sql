SELECT * FROM job_bulk_changes WHERE id = :id
