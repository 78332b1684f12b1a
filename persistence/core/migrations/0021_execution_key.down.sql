CREATE INDEX job_executions_job_idx ON job_executions (job_id, id);
ALTER TABLE job_executions DROP CONSTRAINT job_executions_pkey, ADD PRIMARY KEY (id);
