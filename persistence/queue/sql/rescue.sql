-- Take running jobs back: those whose lease ended, and those of workers known to be dead.
-- Deaths are counted apart from failures; a job that took too many workers down is dead-lettered as poison. After a second death
-- a job waits for up to 5 s, each for another time: jobs that were only beside a deadly one must not be claimed with it again.
WITH lost AS (
    SELECT id FROM jobs
    WHERE status = 'running' AND ((:expired AND lease_expires_at < now()) OR worker_id = ANY(CAST(:dead_workers AS text[])))
    ORDER BY id LIMIT 500
    FOR UPDATE SKIP LOCKED
),
rescued AS (
    UPDATE jobs SET
        worker_deaths = worker_deaths + 1,
        status = CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                      WHEN worker_deaths + 1 >= :max_deaths THEN 'failed'
                      ELSE 'pending' END::job_status,
        scheduled_at = CASE WHEN worker_deaths > 0 THEN now() + random() * interval '5 seconds' ELSE scheduled_at END,
        completed_at = CASE WHEN cancel_requested_at IS NOT NULL OR worker_deaths + 1 >= :max_deaths THEN now() END,
        error_message = CASE WHEN jobs.worker_id = ANY(CAST(:dead_workers AS text[]))
                        THEN 'worker ' || jobs.worker_id || ' died' ELSE 'lease of ' || jobs.worker_id || ' ended' END,
        lease_expires_at = NULL
    FROM lost WHERE jobs.id = lost.id
    RETURNING jobs.id, jobs.attempt, jobs.job_type, jobs.queue_name, jobs.payload, jobs.worker_id, jobs.started_at,
              jobs.status::text AS status, jobs.worker_deaths, jobs.error_message
),
executions AS (
    INSERT INTO job_executions (job_id, attempt, outcome, worker_id, started_at, error_type, error_message)
    SELECT id, attempt, 'lost', worker_id, started_at, 'WorkerLost', error_message FROM rescued
),
dead_letters AS (
    INSERT INTO dead_letter_jobs
        (job_id, job_type, queue_name, reason, error_type, error_message, fingerprint, payload, attempts)
    SELECT id, job_type, queue_name, 'poison', 'WorkerLost',
           format('%s workers died while they ran this job; the last: %s', worker_deaths, error_message),
           md5('poison' || job_type), payload, attempt
    FROM rescued WHERE status = 'failed'
    ON CONFLICT (job_id) WHERE resolved_at IS NULL DO NOTHING
    RETURNING job_type
),
counted AS (
    INSERT INTO job_counters (metric, job_type, label, shard, value)
    SELECT metric, job_type, label, -1, count(*) FROM (
        SELECT 'processed' AS metric, job_type, 'lost' AS label FROM rescued
        UNION ALL SELECT 'failed', job_type, 'WorkerLost' FROM rescued
        UNION ALL SELECT 'dead_lettered', job_type, 'poison' FROM dead_letters
    ) AS events GROUP BY metric, job_type, label ORDER BY metric, job_type, label
    ON CONFLICT (metric, job_type, label, shard) DO UPDATE SET value = job_counters.value + excluded.value
)
SELECT id, attempt, job_type, worker_id, status FROM rescued
