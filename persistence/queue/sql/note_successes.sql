-- Note that background tasks did their work. In one order everywhere: two dispatchers cannot deadlock.
INSERT INTO job_background_tasks (name, last_success_at)
SELECT DISTINCT name, now() FROM unnest(CAST(:done AS text[])) AS done (name) ORDER BY name
ON CONFLICT (name) DO UPDATE SET last_success_at = excluded.last_success_at
RETURNING name
