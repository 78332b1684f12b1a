-- Running jobs of a restored database wait again. It is no death of a worker: it does not count towards poison. The attempt keeps its
-- number, and its end is in the history.
WITH interrupted AS (
    UPDATE jobs SET
        status = CASE WHEN cancel_requested_at IS NULL THEN 'pending' ELSE 'cancelled' END::job_status,
        completed_at = CASE WHEN cancel_requested_at IS NOT NULL THEN now() END,
        queued_at = NULL, lease_expires_at = NULL
    WHERE status = 'running'
    RETURNING id, attempt, worker_id, started_at
)
INSERT INTO job_executions (job_id, attempt, outcome, worker_id, started_at, error_type, error_message)
SELECT id, attempt, 'lost', worker_id, started_at, 'Restored', 'ran when the backup was made that was restored' FROM interrupted
