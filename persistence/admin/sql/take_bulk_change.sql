-- The open one that waits longest. The lock is the fence: one process at a time works on it, and its portion is one transaction.
SELECT *, extract(epoch FROM now() - created_at) * 1000 AS age_ms FROM job_bulk_changes
WHERE finished_at IS NULL AND (CAST(:id AS bigint) IS NULL OR id = :id)
ORDER BY moved_at LIMIT 1
FOR UPDATE SKIP LOCKED
