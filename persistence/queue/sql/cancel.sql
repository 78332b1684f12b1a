-- Cancel: at once if the job does not run, by a request if it runs. The first reason is kept.
UPDATE jobs SET
    status = CASE WHEN status = 'running' THEN status ELSE 'cancelled' END,
    completed_at = CASE WHEN status = 'running' THEN NULL ELSE now() END,
    cancel_requested_at = coalesce(cancel_requested_at, now()),
    cancel_requested_by = CASE WHEN cancel_requested_at IS NULL THEN :by ELSE cancel_requested_by END,
    cancel_reason = CASE WHEN cancel_requested_at IS NULL THEN :reason ELSE cancel_reason END
WHERE id = :id AND status IN ('pending', 'queued', 'running')
RETURNING id
