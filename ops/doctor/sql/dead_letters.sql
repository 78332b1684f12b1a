SELECT count(*) AS open, min(created_at) AS since FROM dead_letter_jobs WHERE resolved_at IS NULL
