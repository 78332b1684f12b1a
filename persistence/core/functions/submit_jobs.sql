-- Store jobs, in the order given. A taken idempotency key leaves its row out of the answer.
CREATE OR REPLACE FUNCTION submit_jobs(new_jobs jsonb)
RETURNS TABLE (id uuid, status text, created_at timestamptz)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    -- Without ON CONFLICT, which writes each row twice, where nothing can conflict: most jobs have no key, and no moment of a schedule.
    IF NOT jsonb_path_exists(new_jobs, '$[*] ? (exists(@.idempotency_key) || exists(@.schedule_id) || exists(@.step_name))') THEN
        RETURN QUERY
        INSERT INTO jobs (
            id, job_type, queue_name, priority, payload, max_retries, timeout_ms, scheduled_at, created_by, metadata,
            traceparent, tracestate, limit_key, expires_at, workflow_id
        )
        SELECT
            id, job_type, queue_name, priority, payload, max_retries, timeout_ms,
            coalesce(scheduled_at, clock_timestamp() + delay_ms * interval '1 millisecond'), created_by, coalesce(metadata, '{}'),
            traceparent, tracestate, limit_key,
            coalesce(expires_at, clock_timestamp() + expires_in_ms * interval '1 millisecond'), workflow_id
        FROM jsonb_to_recordset(new_jobs) AS new_job (
            id uuid, job_type text, queue_name text, priority integer, payload jsonb, max_retries integer, timeout_ms integer,
            scheduled_at timestamptz, delay_ms double precision, created_by text, metadata jsonb, traceparent text, tracestate text,
            limit_key text, expires_at timestamptz, expires_in_ms double precision, workflow_id uuid
        )
        RETURNING jobs.id, jobs.status::text, jobs.created_at;
        RETURN;
    END IF;
    RETURN QUERY
    INSERT INTO jobs (
        id, job_type, queue_name, priority, payload, max_retries, timeout_ms, scheduled_at, created_by, metadata,
        idempotency_key, idempotency_expires_at, traceparent, tracestate, schedule_id, schedule_run_at, limit_key, expires_at,
        workflow_id, step_name
    )
    SELECT
        id, job_type, queue_name, priority, payload, max_retries, timeout_ms,
        coalesce(scheduled_at, clock_timestamp() + delay_ms * interval '1 millisecond'), created_by, coalesce(metadata, '{}'),
        idempotency_key, now() + idempotency_window_s * interval '1 second', traceparent, tracestate,
        schedule_id, schedule_run_at, limit_key,
        coalesce(expires_at, clock_timestamp() + expires_in_ms * interval '1 millisecond'), workflow_id, step_name
    FROM jsonb_to_recordset(new_jobs) AS new_job (
        id uuid, job_type text, queue_name text, priority integer, payload jsonb, max_retries integer, timeout_ms integer,
        scheduled_at timestamptz, delay_ms double precision, created_by text, metadata jsonb, idempotency_key text,
        idempotency_window_s double precision, traceparent text, tracestate text, schedule_id uuid, schedule_run_at timestamptz,
        limit_key text, expires_at timestamptz, expires_in_ms double precision, workflow_id uuid, step_name text
    )
    ON CONFLICT DO NOTHING
    RETURNING jobs.id, jobs.status::text, jobs.created_at;
END
$$;
