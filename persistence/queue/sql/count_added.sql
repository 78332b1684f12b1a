-- Count jobs that were added to a workflow.
INSERT INTO workflow_changes (workflow_id, total) SELECT id, :added FROM workflows WHERE id = :id
