-- Undo the dispatches of a job type that are not claimed yet. Their messages are not valid any more.
UPDATE jobs SET status = 'pending', queued_at = NULL
WHERE id = ANY(ARRAY(SELECT id FROM jobs WHERE status = 'queued' AND job_type = :name ORDER BY id FOR UPDATE))
  AND status::text = 'queued'
