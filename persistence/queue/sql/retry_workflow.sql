-- Bring back the failed steps of a workflow, and those that were cancelled because of them.
SELECT retry_workflow(:id, :by)
