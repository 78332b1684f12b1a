-- Before its jobs begin anew: a workflow that was cancelled, or whose deadline has passed, would be cancelled again.
UPDATE workflows SET
    deadline_at = CASE WHEN deadline_at > now() THEN deadline_at END,
    cancel_requested_at = NULL, cancel_requested_by = NULL, cancel_reason = NULL
WHERE id = :id
RETURNING id
