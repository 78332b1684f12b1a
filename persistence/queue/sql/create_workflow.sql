-- Make a workflow. If its key is taken, the one that has the key is the answer.
WITH made AS (
    INSERT INTO workflows
        (name, kind, unique_key, deadline_at, metadata, on_finished, on_success, on_failure, created_by)
    VALUES (:name, :kind, :unique_key, :deadline_at, CAST(:metadata AS jsonb), CAST(:on_finished AS jsonb),
            CAST(:on_success AS jsonb), CAST(:on_failure AS jsonb), :created_by)
    -- An update, so that the row of somebody else who came first is waited for and seen.
    ON CONFLICT (name, unique_key) WHERE unique_key IS NOT NULL DO UPDATE SET unique_key = excluded.unique_key
    RETURNING id, xmax = 0 AS is_new
)
SELECT id, is_new FROM made
