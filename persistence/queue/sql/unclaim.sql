-- Give claimed jobs back that were never begun: as if they had not been claimed. The time of the claim is part of the guard, so
-- the number of the attempt may be used again. A cancelled job keeps its number: a flag of its cancellation may be raised in Redis,
-- and by the number the next claim, after a requeue, knows of it.
UPDATE jobs SET
    status = CASE WHEN cancel_requested_at IS NULL THEN 'pending' ELSE 'cancelled' END::job_status,
    completed_at = CASE WHEN cancel_requested_at IS NULL THEN NULL ELSE now() END,
    attempt = jobs.attempt - (cancel_requested_at IS NULL)::integer, worker_id = NULL, started_at = NULL, queued_at = NULL, lease_expires_at = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[]), CAST(:started AS timestamptz[])) AS claimed (id, attempt, started_at)
WHERE jobs.id = claimed.id AND jobs.attempt = claimed.attempt AND jobs.started_at = claimed.started_at
  AND jobs.status::text = 'running'
