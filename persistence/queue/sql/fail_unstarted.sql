-- End a queued job that cannot be started, with its dead letter. The cast: see claim.sql.
WITH buried AS (
    UPDATE jobs SET status = 'failed', error_message = :message, completed_at = now()
    WHERE id = :id AND dispatch_seq = :seq AND status::text = 'queued'
    RETURNING id, job_type, queue_name, payload, attempt
)
INSERT INTO dead_letter_jobs (job_id, job_type, queue_name, reason, error_type, error_message, fingerprint, payload, attempts)
SELECT id, job_type, queue_name, :reason, :error_type, :message, md5(:reason || job_type), payload, attempt FROM buried
ON CONFLICT (job_id) WHERE resolved_at IS NULL DO NOTHING
