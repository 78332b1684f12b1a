SELECT * FROM job_bulk_changes WHERE id < :before ORDER BY id DESC LIMIT :limit
