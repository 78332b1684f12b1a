-- Jobs that are on their way or run hold a place of the limits that their type has now.
UPDATE jobs SET limit_key = job_limit_key((SELECT coalesce(limits_override, limits) FROM job_types WHERE name = :name), payload, metadata)
WHERE id = ANY(ARRAY(
    SELECT id FROM jobs WHERE status = 'queued' AND job_type = :name AND limit_key IS NULL
    UNION ALL
    SELECT id FROM jobs WHERE status = 'running' AND job_type = :name AND limit_key IS NULL
    ORDER BY id))
  AND status IN ('queued', 'running') AND limit_key IS NULL
