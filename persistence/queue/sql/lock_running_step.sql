-- The workflow of a running step, whose end waits until this transaction has ended.
SELECT workflow_id, created_by FROM jobs
WHERE id = :id AND attempt = :attempt AND status = 'running' AND workflow_id IS NOT NULL FOR NO KEY UPDATE
