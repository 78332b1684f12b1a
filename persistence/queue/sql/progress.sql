-- Progress of an attempt that still holds its job. The cast: see claim.sql.
UPDATE jobs SET progress = CAST(:progress AS jsonb)
WHERE id = :id AND attempt = :attempt AND status::text = 'running'
RETURNING cancel_requested_at IS NOT NULL AS cancel_requested
