-- What an attempt tells that still holds its job: its progress, the cursors of its iterations, or both. The cast: see claim.sql.
UPDATE jobs SET
    progress = coalesce(CAST(:progress AS jsonb), progress),
    checkpoint = CASE WHEN CAST(:checkpoint AS jsonb) IS NULL THEN checkpoint
                 ELSE coalesce(checkpoint, '{}') || CAST(:checkpoint AS jsonb) END
WHERE id = :id AND attempt = :attempt AND status::text = 'running'
RETURNING cancel_requested_at IS NOT NULL AS cancel_requested
