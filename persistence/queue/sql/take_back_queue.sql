-- Undo the dispatches of a queue that are not claimed yet. Their messages are not valid any more.
UPDATE jobs SET status = 'pending', queued_at = NULL
WHERE id = ANY(ARRAY(SELECT id FROM jobs WHERE status = 'queued' AND queue_name = :name ORDER BY id FOR UPDATE))
  AND status::text = 'queued'
