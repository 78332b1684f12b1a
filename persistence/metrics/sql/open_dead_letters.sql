-- How many dead letters are open, by reason.
SELECT reason, count(*) AS dead_letters FROM dead_letter_jobs WHERE resolved_at IS NULL GROUP BY reason
