-- The order of the columns means nothing to the version before. It stays.
DROP INDEX jobs_settled_created_idx, jobs_settled_status_idx, jobs_settled_updated_idx, jobs_settled_type_idx;
CREATE INDEX jobs_settled_created_idx ON jobs (created_at, id) INCLUDE (updated_at) WHERE status NOT IN ('queued', 'running');
CREATE INDEX jobs_settled_updated_idx ON jobs (status, updated_at, id) INCLUDE (created_at)
WHERE status NOT IN ('queued', 'running');
CREATE INDEX jobs_settled_status_idx ON jobs (status, created_at, id) WHERE status NOT IN ('queued', 'running');
CREATE INDEX jobs_settled_type_idx ON jobs (job_type, created_at, id) INCLUDE (status, updated_at, priority)
WHERE status NOT IN ('queued', 'running');
CREATE INDEX jobs_settled_queue_idx ON jobs (queue_name, created_at, id) INCLUDE (status, updated_at, priority)
WHERE status NOT IN ('queued', 'running');
