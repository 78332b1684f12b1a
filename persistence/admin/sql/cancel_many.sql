-- Cancel every one of the jobs that is not over. Locked in the order of their ids, as every other bulk change does.
WITH wanted AS MATERIALIZED (
    SELECT id FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) AND status IN ('pending', 'queued', 'running')
    ORDER BY id FOR UPDATE
)
UPDATE jobs SET
    status = CASE WHEN status = 'running' THEN status ELSE 'cancelled' END,
    completed_at = CASE WHEN status = 'running' THEN NULL ELSE now() END,
    cancel_requested_at = coalesce(cancel_requested_at, now()),
    cancel_requested_by = CASE WHEN cancel_requested_at IS NULL THEN :by ELSE cancel_requested_by END,
    cancel_reason = CASE WHEN cancel_requested_at IS NULL THEN :reason ELSE cancel_reason END
WHERE id IN (SELECT id FROM wanted)
RETURNING id, status::text AS status
