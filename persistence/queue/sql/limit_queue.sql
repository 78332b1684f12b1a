INSERT INTO job_queues (name, max_running) VALUES (:name, CAST(:max_running AS integer))
ON CONFLICT (name) DO UPDATE SET max_running = excluded.max_running, updated_at = now()
