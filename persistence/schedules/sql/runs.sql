-- Runs of a schedule, newest first.
SELECT r.due_at, r.origin, r.outcome, r.reason, r.job_id, coalesce(j.status::text, r.ended_as) AS job_status, r.created_at
FROM job_schedule_runs r LEFT JOIN jobs j ON j.id = r.job_id
WHERE r.schedule_id = :id AND r.due_at < coalesce(CAST(:before AS timestamptz), 'infinity')
ORDER BY r.due_at DESC LIMIT :limit
