-- Register a job type that is not registered yet. A worker that runs it overwrites this later.
INSERT INTO job_types (name, queue_name, description, payload_schema, example, priority, max_retries, timeout_ms, limits, uniqueness)
SELECT name, queue_name, description, payload_schema, example, priority, max_retries, timeout_ms, nullif(limits, 'null'),
    nullif(uniqueness, 'null')
FROM jsonb_to_recordset(CAST(:types AS jsonb)) AS t (
    name text, queue_name text, description text, payload_schema jsonb, example jsonb, priority integer,
    max_retries integer, timeout_ms integer, limits jsonb, uniqueness jsonb
)
ON CONFLICT (name) DO NOTHING
