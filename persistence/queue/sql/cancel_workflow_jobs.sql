-- Cancel some jobs of a workflow: at once if they wait, by a request if they run.
WITH waiting AS (
    SELECT id FROM jobs WHERE workflow_id = :id AND status = 'pending' ORDER BY id LIMIT :rows FOR UPDATE SKIP LOCKED
),
queued AS (
    SELECT id FROM jobs WHERE status = 'queued' AND workflow_id = :id LIMIT :rows FOR UPDATE SKIP LOCKED
),
running AS (
    SELECT id FROM jobs WHERE status = 'running' AND workflow_id = :id AND cancel_requested_at IS NULL LIMIT :rows
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET
    status = CASE WHEN jobs.status = 'running' THEN jobs.status ELSE 'cancelled' END,
    completed_at = CASE WHEN jobs.status = 'running' THEN NULL ELSE now() END,
    cancel_requested_at = coalesce(jobs.cancel_requested_at, now()),
    cancel_requested_by = coalesce(jobs.cancel_requested_by, w.cancel_requested_by),
    cancel_reason = coalesce(jobs.cancel_reason, format('workflow %s: %s', w.name, coalesce(w.cancel_reason, 'it was cancelled')))
FROM workflows w
WHERE w.id = :id AND w.cancel_requested_at IS NOT NULL AND jobs.id = ANY(ARRAY(
    SELECT id FROM waiting UNION ALL SELECT id FROM queued UNION ALL SELECT id FROM running))
RETURNING jobs.id, jobs.status::text AS status
