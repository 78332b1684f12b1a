-- Give a dispatch back that is not for this worker: its type is registered, so somebody runs it, or will again after a restart.
-- The longer the job is waiting already, the longer until the next try. The cast: see claim.sql.
UPDATE jobs SET status = 'pending', queued_at = NULL,
    scheduled_at = now() + least(interval '30 s', greatest(interval '500 ms', (now() - created_at) / 2))
WHERE id = :id AND dispatch_seq = :seq AND status::text = 'queued'
  AND EXISTS (SELECT FROM job_types t WHERE t.name = jobs.job_type)
