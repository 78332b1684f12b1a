-- Workflows, newest first, with the changes that no dispatcher has added up yet.
SELECT
    w.id, w.kind, w.name, w.state, w.closed_at,
    w.total + coalesce(c.total, 0)::integer AS total, w.completed + coalesce(c.completed, 0)::integer AS completed,
    w.failed + coalesce(c.failed, 0)::integer AS failed, w.cancelled + coalesce(c.cancelled, 0)::integer AS cancelled,
    w.unique_key, w.deadline_at, w.metadata, w.on_finished, w.on_success, w.on_failure, w.created_by,
    w.cancel_requested_at, w.cancel_requested_by, w.cancel_reason, w.created_at, w.updated_at, w.finished_at
FROM workflows w LEFT JOIN LATERAL (
    SELECT sum(total) AS total, sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled
    FROM workflow_changes WHERE workflow_id = w.id
) AS c ON true
WHERE (CAST(:state AS text) IS NULL OR w.state = :state) AND (CAST(:name AS text) IS NULL OR w.name = :name)
  AND (CAST(:before AS uuid) IS NULL
       OR (w.created_at, w.id) < (SELECT b.created_at, b.id FROM workflows b WHERE b.id = CAST(:before AS uuid)))
ORDER BY w.created_at DESC, w.id DESC LIMIT :limit
