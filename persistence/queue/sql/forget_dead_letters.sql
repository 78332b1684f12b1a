-- Forget dead letters that were dealt with long ago. Open ones stay: nobody has looked at them.
DELETE FROM dead_letter_jobs WHERE id = ANY(ARRAY(
    SELECT id FROM dead_letter_jobs
    WHERE created_at < now() - :days * interval '1 day' AND resolved_at < now() - :days * interval '1 day'
    ORDER BY created_at LIMIT 1000
))
