-- Move entries of the audit log that are `days` old to the archive. Ids are given in the order of time, nearly.
SET LOCAL synchronous_commit = off;
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
WITH oldest AS MATERIALIZED (
    SELECT id, at FROM job_audit_log ORDER BY id LIMIT :rows FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM job_audit_log WHERE id = ANY(ARRAY(SELECT id FROM oldest WHERE at < now() - :days * interval '1 day')) RETURNING *
),
stored AS (
    INSERT INTO job_audit_archive (id, at, actor, action, subject_type, subject_id, before, after, reason, request_id)
    SELECT id, at, actor, action, subject_type, subject_id, before, after, reason, request_id FROM gone
)
SELECT count(*) AS audit_entries FROM gone
