-- Dispatches that this worker claimed, but whose reply was lost. In the database they are already running.
SELECT
    jobs.id, jobs.dispatch_seq, jobs.attempt, jobs.job_type, jobs.queue_name, jobs.priority, jobs.payload, jobs.metadata,
    jobs.retry_count, jobs.max_retries, jobs.timeout_ms, jobs.created_by,
    greatest(jobs.created_at, jobs.scheduled_at) AS due_at, jobs.started_at, jobs.traceparent, jobs.tracestate
FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS integer[])) AS dispatched (id, seq)
JOIN jobs ON jobs.id = dispatched.id AND jobs.dispatch_seq = dispatched.seq
WHERE jobs.status::text = 'running' AND jobs.worker_id = :worker_id
