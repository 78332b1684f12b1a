SELECT id, status::text AS status FROM job_archive WHERE id = ANY(CAST(:ids AS uuid[]))
