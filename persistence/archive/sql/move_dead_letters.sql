-- Move dead letters that were resolved `days` ago to the archive: also of jobs that stay, and of messages without a job.
SET LOCAL synchronous_commit = off;
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
WITH gone AS (
    DELETE FROM dead_letter_jobs WHERE id = ANY(ARRAY(
        SELECT id FROM dead_letter_jobs
        WHERE created_at < now() - :days * interval '1 day' AND resolved_at < now() - :days * interval '1 day'
        ORDER BY created_at, id LIMIT :rows FOR UPDATE SKIP LOCKED))
    RETURNING *
),
stored AS (
    INSERT INTO job_dead_letter_archive (
        id, job_id, job_type, queue_name, reason, error_type, error_message, traceback, fingerprint, payload, attempts, resolved_at,
        resolution, resolved_by, created_at, updated_at)
    SELECT id, job_id, job_type, queue_name, reason, error_type, error_message, traceback, fingerprint, payload, attempts, resolved_at,
        resolution, resolved_by, created_at, updated_at
    FROM gone
)
SELECT count(*) AS dead_letters FROM gone
