-- Open runs of a schedule whose jobs are not over, the first submitted first.
SELECT
    j.id AS job_id, j.status::text AS status, j.blocked_by > 0 AS is_waiting,
    NOT EXISTS (
        SELECT FROM job_dependencies d JOIN jobs child ON child.id = d.job_id
        WHERE d.depends_on_job_id = j.id AND d.satisfied_at IS NULL AND child.schedule_id = open.schedule_id
          AND child.status::text = 'pending'
    ) AS is_last
FROM job_schedule_runs open JOIN jobs j ON j.id = open.job_id
WHERE open.schedule_id = :id AND open.outcome = 'submitted' AND open.ended_as IS NULL
  AND j.status::text NOT IN ('completed', 'failed', 'cancelled')
ORDER BY j.seq
