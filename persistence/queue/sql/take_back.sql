-- Undo dispatches whose messages are lost or held by a dead process. Each has its dispatch_seq, so newer dispatches are safe.
-- The cast: see claim.sql.
UPDATE jobs SET status = 'pending', queued_at = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS integer[])) AS stale (id, seq)
WHERE jobs.id = stale.id AND jobs.dispatch_seq = stale.seq AND jobs.status::text = 'queued'
RETURNING jobs.id
