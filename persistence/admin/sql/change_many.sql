-- Change every one of the jobs that has not started. A null leaves what is there. Locked in the order of their ids.
WITH wanted AS MATERIALIZED (
    SELECT id FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) AND status = 'pending' ORDER BY id FOR UPDATE
)
UPDATE jobs SET
    priority = coalesce(:priority, priority),
    scheduled_at = coalesce(CAST(:scheduled_at AS timestamptz), scheduled_at)
WHERE id IN (SELECT id FROM wanted)
RETURNING id, status::text AS status
