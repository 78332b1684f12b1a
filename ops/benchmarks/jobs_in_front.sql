-- Jobs of the highest priority that are not ready: half wait for a parent that is not over, half for tomorrow.
INSERT INTO jobs (job_type, queue_name, priority, payload, blocked_by, scheduled_at)
SELECT 'bench_nothing', 'default', 100, '{}', n % 2, CASE WHEN n % 2 = 0 THEN now() + interval '1 day' END
FROM generate_series(1, 2 * CAST(:count AS integer)) AS n
