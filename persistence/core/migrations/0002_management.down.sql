DROP TABLE job_api_requests, job_audit_log, job_api_keys;
DROP INDEX jobs_settled_created_idx, jobs_settled_updated_idx, jobs_settled_priority_idx, jobs_settled_status_idx,
    jobs_settled_type_idx, jobs_settled_queue_idx, jobs_settled_created_by_idx, jobs_settled_metadata_idx;
CREATE INDEX jobs_created_idx ON jobs (created_at, id);
CREATE INDEX jobs_status_idx ON jobs (status, created_at, id);
CREATE INDEX jobs_type_idx ON jobs (job_type, created_at, id);
CREATE INDEX jobs_created_by_idx ON jobs (created_by, created_at, id) WHERE created_by IS NOT NULL;
CREATE INDEX jobs_metadata_idx ON jobs USING gin (metadata jsonb_path_ops) WHERE metadata <> '{}';
DROP TRIGGER jobs_updated_at ON jobs;
CREATE TRIGGER jobs_updated_at BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION update_updated_at();
