-- Register job types, in name order (two workers that boot together cannot deadlock), writing only what changed.
-- Their metrics start at 0, or the first events would be invisible to increase().
WITH definitions AS (
    SELECT * FROM jsonb_to_recordset(CAST(:types AS jsonb)) AS t (
        name text, queue_name text, description text, payload_schema jsonb, example jsonb, priority integer,
        max_retries integer, timeout_ms integer, limits jsonb, uniqueness jsonb
    )
),
zeros AS (
    INSERT INTO job_counters (metric, job_type, label, shard)
    SELECT 'processed', name, outcome, -1
    FROM definitions, unnest(ARRAY['completed', 'retried', 'failed', 'discarded', 'cancelled', 'lost']) AS outcome
    ORDER BY 2, 3
    ON CONFLICT DO NOTHING
)
INSERT INTO job_types (name, queue_name, description, payload_schema, example, priority, max_retries, timeout_ms, limits, uniqueness)
SELECT name, queue_name, description, payload_schema, example, priority, max_retries, timeout_ms, nullif(limits, 'null'),
    nullif(uniqueness, 'null')
FROM definitions ORDER BY name
ON CONFLICT (name) DO UPDATE SET
    queue_name = excluded.queue_name, description = excluded.description, payload_schema = excluded.payload_schema,
    example = excluded.example, priority = excluded.priority, max_retries = excluded.max_retries,
    timeout_ms = excluded.timeout_ms, limits = excluded.limits, uniqueness = excluded.uniqueness,
    updated_at = now()
WHERE (job_types.queue_name, job_types.description, job_types.payload_schema, job_types.example, job_types.priority,
       job_types.max_retries, job_types.timeout_ms, job_types.limits, job_types.uniqueness)
   IS DISTINCT FROM (excluded.queue_name, excluded.description, excluded.payload_schema, excluded.example,
       excluded.priority, excluded.max_retries, excluded.timeout_ms, excluded.limits, excluded.uniqueness)
