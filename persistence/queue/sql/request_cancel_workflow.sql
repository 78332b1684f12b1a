-- Cancel a workflow that is not over: its deadline is now. The first reason is kept. Dispatchers go on with it.
UPDATE workflows SET deadline_at = least(deadline_at, now()), cancel_requested_at = now(), cancel_requested_by = :by, cancel_reason = :reason
WHERE id = :id AND finished_at IS NULL AND cancel_requested_at IS NULL
RETURNING id
