-- Close a workflow, unless somebody adds jobs to it at this moment.
WITH idle AS (
    SELECT id FROM workflows WHERE id = :id AND closed_at IS NULL FOR UPDATE SKIP LOCKED
),
closed AS (
    UPDATE workflows SET closed_at = now() WHERE id = ANY(ARRAY(SELECT id FROM idle)) RETURNING id
)
INSERT INTO workflow_changes (workflow_id) SELECT id FROM closed
