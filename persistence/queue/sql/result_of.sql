-- How far a job is, and what came of it.
SELECT status::text AS status, result, error_message, cancel_reason FROM jobs WHERE id = :id
