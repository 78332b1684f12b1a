-- The dead letters of a job, oldest first.
SELECT * FROM dead_letter_jobs WHERE job_id = :id ORDER BY id
