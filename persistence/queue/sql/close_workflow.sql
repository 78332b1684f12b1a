-- Close a workflow, and have a dispatcher look whether it is over.
WITH closed AS (
    UPDATE workflows SET closed_at = now() WHERE id = :id AND closed_at IS NULL RETURNING id
)
INSERT INTO workflow_changes (workflow_id) SELECT id FROM closed
