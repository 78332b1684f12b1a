-- Ready jobs, all of the same priority.
INSERT INTO jobs (job_type, queue_name, payload)
SELECT 'bench_nothing', 'default', '{"n": 1}' FROM generate_series(1, CAST(:count AS integer))
