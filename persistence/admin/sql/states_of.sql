SELECT id, status::text AS status FROM jobs WHERE id = ANY(CAST(:ids AS uuid[]))
