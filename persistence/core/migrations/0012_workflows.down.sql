ALTER FUNCTION bring_back_jobs(uuid[]) RESET aeon_jobs.counts_jobs;
DELETE FROM job_background_tasks WHERE name = 'workflows';
DROP TRIGGER jobs_count_in_workflow_insert ON jobs;
DROP TRIGGER jobs_count_in_workflow_update ON jobs;
DROP TRIGGER jobs_count_in_workflow_delete ON jobs;
DROP FUNCTION jobs_count_in_workflow();
DROP FUNCTION IF EXISTS settle_workflows();
ALTER TABLE jobs DROP COLUMN workflow_id, DROP COLUMN step_name;
DROP TABLE workflow_changes, workflows;
