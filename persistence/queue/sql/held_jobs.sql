-- Which of these jobs are locked: by another statement for a moment, or by a transaction that stays open.
WITH free AS (
    SELECT id FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) FOR NO KEY UPDATE SKIP LOCKED
)
SELECT id FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) AND id NOT IN (SELECT id FROM free)
