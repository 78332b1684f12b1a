-- Give a dispatch back that another live worker can run; a moment later, so that the two do not play ping-pong. The cast: see claim.sql.
UPDATE jobs SET status = 'pending', queued_at = NULL, scheduled_at = now() + interval '500 milliseconds'
WHERE id = :id AND dispatch_seq = :seq AND status::text = 'queued'
  AND EXISTS (SELECT FROM workers w WHERE w.kind = 'worker' AND w.state = 'running' AND jobs.job_type = ANY(w.job_types))
