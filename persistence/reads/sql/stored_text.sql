-- Payload and result as they are stored, of a job or of an archived one: for a file.
SELECT payload::text AS payload, result::text AS result FROM jobs WHERE id = :id
UNION ALL SELECT payload::text, result::text FROM job_archive WHERE id = :id
LIMIT 1
