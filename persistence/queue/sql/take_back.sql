-- Undo dispatches: the messages are lost or in dead hands. Each is named by its dispatch_seq, so a newer one is safe.
-- The cast: see claim.sql.
UPDATE jobs SET status = 'pending', queued_at = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS integer[])) AS stale (id, seq)
WHERE jobs.id = stale.id AND jobs.dispatch_seq = stale.seq AND jobs.status::text = 'queued'
RETURNING jobs.id
