INSERT INTO job_bulk_changes (action, filter, options, reason, matched, created_by)
VALUES (:action, CAST(:filter AS jsonb), CAST(:options AS jsonb), :reason, :matched, :by)
RETURNING *
