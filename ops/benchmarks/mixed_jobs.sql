-- Jobs in mixed states, an hour's to a year's worth: 15 % ready, 5 % failed, 5 % cancelled, the rest completed. In motion
-- (queued, running) are a tenth of the first 10,000, as many as there may be threads; not a share of all.
INSERT INTO jobs (
    job_type, queue_name, status, priority, payload, metadata, created_by, retry_count,
    created_at, updated_at, queued_at, started_at, completed_at, attempt, dispatch_seq, worker_id, lease_expires_at
)
SELECT
    (ARRAY['bench_nothing', 'bench_stamp', 'bench_nap'])[1 + n % 3], 'default', status::job_status, (n * 37) % 101,
    jsonb_build_object('n', n), jsonb_build_object('tenant', (n % 1000)::text), 'service-' || n % 50, 0,
    born, born, born, CASE WHEN status NOT IN ('pending', 'queued') THEN born END,
    CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN born + interval '1 second' END,
    CASE WHEN status IN ('pending', 'queued') THEN 0 ELSE 1 END, CASE WHEN status = 'pending' THEN 0 ELSE 1 END,
    CASE WHEN status NOT IN ('pending', 'queued') THEN 'worker-' || n % 8 END,
    CASE WHEN status = 'running' THEN now() + interval '1 day' END
FROM (
    SELECT n, now() - (CAST(:count AS integer) - n) * interval '30 seconds' AS born,
        CASE WHEN n % 20 IN (0, 1, 2) THEN 'pending' WHEN n % 20 = 3 THEN 'failed' WHEN n % 20 = 4 THEN 'cancelled'
             WHEN n % 20 = 5 AND n <= 10000 THEN 'queued' WHEN n % 20 = 6 AND n <= 10000 THEN 'running'
             ELSE 'completed' END AS status
    FROM generate_series(1, CAST(:count AS integer)) AS n
) AS made
