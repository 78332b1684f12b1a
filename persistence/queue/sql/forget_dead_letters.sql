-- Delete dead letters that were resolved long ago. Open ones stay.
DELETE FROM dead_letter_jobs WHERE id = ANY(ARRAY(
    SELECT id FROM dead_letter_jobs
    WHERE created_at < now() - :days * interval '1 day' AND resolved_at < now() - :days * interval '1 day'
    ORDER BY created_at LIMIT 1000
))
