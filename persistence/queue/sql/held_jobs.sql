-- Which of these jobs somebody holds: another statement for a moment, or a transaction that nobody ends.
WITH free AS (
    SELECT id FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) FOR NO KEY UPDATE SKIP LOCKED
)
SELECT id FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) AND id NOT IN (SELECT id FROM free)
