-- Renew the leases of running attempts. An attempt that is missing from the answer is lost.
SET LOCAL synchronous_commit = off;
UPDATE jobs SET lease_expires_at = now() + :lease_ms * interval '1 millisecond'
FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[])) AS held (id, attempt)
WHERE jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.status::text = 'running'
RETURNING jobs.id, jobs.attempt, jobs.cancel_requested_at IS NOT NULL AS cancel_requested, jobs.cancel_reason
