-- How an archived job ended; the columns of explain that tell of a job that is over.
SELECT a.id, a.status::text AS status, a.completed_at, r.cancel_requested_by, r.cancel_reason, r.attempt, r.error_message
FROM job_archive a CROSS JOIN LATERAL jsonb_populate_record(NULL::jobs, a.rest) AS r
WHERE a.id = :id
