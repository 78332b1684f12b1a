-- How far an archived job came, and what came of it.
SELECT status::text AS status, result, rest ->> 'error_message' AS error_message, rest ->> 'cancel_reason' AS cancel_reason
FROM job_archive WHERE id = :id
