INSERT INTO job_queues (name, paused_at, paused_by, pause_reason) VALUES (:name, now(), :by, :reason)
ON CONFLICT (name) DO UPDATE SET paused_at = now(), paused_by = excluded.paused_by, pause_reason = excluded.pause_reason,
    updated_at = now()
WHERE job_queues.paused_at IS NULL
