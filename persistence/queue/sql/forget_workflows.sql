-- Delete workflows that ended long ago and whose jobs are all archived or gone, 1,000 at most.
DELETE FROM workflows WHERE id = ANY(ARRAY(
    SELECT w.id FROM workflows w
    WHERE w.finished_at < now() - :days * interval '1 day' AND w.finished_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM jobs j WHERE j.workflow_id = w.id AND j.status NOT IN ('queued', 'running'))
    ORDER BY w.finished_at LIMIT 1000 FOR UPDATE SKIP LOCKED
))
