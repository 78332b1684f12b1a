-- Renew the leases of running attempts. An attempt that is missing from the answer is lost.
-- A row that somebody holds is passed over, or one forgotten transaction would let all leases of the process end. Its attempt is
-- still ours: rescue passes it over too.
SET LOCAL synchronous_commit = off;
WITH held AS (
    SELECT jobs.id, jobs.attempt, jobs.cancel_requested_at IS NOT NULL AS cancel_requested, jobs.cancel_reason
    FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[])) AS held (id, attempt)
    JOIN jobs ON jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.status::text = 'running'
),
free AS (
    SELECT id FROM jobs WHERE id = ANY(ARRAY(SELECT id FROM held)) FOR NO KEY UPDATE SKIP LOCKED
),
renewed AS (
    UPDATE jobs SET lease_expires_at = now() + :lease_ms * interval '1 millisecond'
    FROM held WHERE jobs.id = ANY(ARRAY(SELECT id FROM free))
      AND jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.status::text = 'running'
    RETURNING jobs.id, jobs.attempt, jobs.cancel_requested_at IS NOT NULL AS cancel_requested, jobs.cancel_reason
)
SELECT * FROM renewed
UNION ALL
SELECT * FROM held WHERE id NOT IN (SELECT id FROM free)
