-- Claim dispatched jobs for one worker. The array, the settings and the cast keep the planner on the keys of these jobs: a plan
-- that was made when the table was empty is kept, and must not walk a whole index when it is full.
CREATE OR REPLACE FUNCTION claim_jobs(ids uuid[], seqs integer[], in_worker_id text, lease_ms integer)
RETURNS TABLE (
    id uuid, dispatch_seq integer, attempt integer, job_type varchar, queue_name varchar, priority integer, payload jsonb,
    metadata jsonb, retry_count integer, max_retries integer, timeout_ms integer, created_by varchar, created_at timestamptz,
    started_at timestamptz, traceparent varchar, tracestate varchar
)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
    -- A claim lost in a crash of the server is made again, so its commit need not wait for the disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    UPDATE jobs SET
        status = 'running', attempt = jobs.attempt + 1, worker_id = in_worker_id, started_at = now(), progress = NULL,
        lease_expires_at = now() + lease_ms * interval '1 millisecond', updated_at = clock_timestamp()
    FROM unnest(ids, seqs) AS dispatched (id, seq)
    WHERE jobs.id = ANY(ids) AND jobs.id = dispatched.id AND jobs.dispatch_seq = dispatched.seq AND jobs.status::text = 'queued'
      AND jobs.cancel_requested_at IS NULL AND (jobs.expires_at IS NULL OR jobs.expires_at > now())
    RETURNING
        jobs.id, jobs.dispatch_seq, jobs.attempt, jobs.job_type, jobs.queue_name, jobs.priority, jobs.payload, jobs.metadata,
        jobs.retry_count, jobs.max_retries, jobs.timeout_ms, jobs.created_by,
        -- When it became due. The name stays created_at, for workers of earlier versions.
        greatest(jobs.created_at, jobs.scheduled_at), jobs.started_at,
        jobs.traceparent, jobs.tracestate;
END
$$;
