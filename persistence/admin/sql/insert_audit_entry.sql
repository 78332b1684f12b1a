INSERT INTO job_audit_log (actor, action, subject_type, subject_id, before, after, reason, request_id)
VALUES (:actor, :action, :subject_type, :subject_id, CAST(:before AS jsonb), CAST(:after AS jsonb), :reason, :request_id)
