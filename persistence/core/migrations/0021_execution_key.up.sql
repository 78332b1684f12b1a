-- Nobody asks for an attempt by its id alone: one index instead of two.
ALTER TABLE job_executions DROP CONSTRAINT job_executions_pkey, ADD PRIMARY KEY (job_id, id);
DROP INDEX job_executions_job_idx;
