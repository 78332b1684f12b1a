-- Claim dispatched jobs for one worker. The cast keeps the planner on the primary key: with the bare comparison it may
-- walk the whole partial index of queued rows once per claimed job: one that was nearly empty when it was last analyzed.
-- A claim lost in a crash of the server is made again, so its commit need not wait for the disk.
SET LOCAL synchronous_commit = off;
UPDATE jobs SET
    status = 'running', attempt = jobs.attempt + 1, worker_id = :worker_id, started_at = now(), progress = NULL,
    lease_expires_at = now() + :lease_ms * interval '1 millisecond'
FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS integer[])) AS dispatched (id, seq)
WHERE jobs.id = dispatched.id AND jobs.dispatch_seq = dispatched.seq AND jobs.status::text = 'queued'
  AND jobs.cancel_requested_at IS NULL
RETURNING
    jobs.id, jobs.dispatch_seq, jobs.attempt, jobs.job_type, jobs.queue_name, jobs.priority, jobs.payload, jobs.metadata,
    jobs.retry_count, jobs.max_retries, jobs.timeout_ms, jobs.created_by, jobs.created_at, jobs.started_at,
    jobs.traceparent, jobs.tracestate
