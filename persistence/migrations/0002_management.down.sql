DROP TABLE job_api_requests, job_audit_log, job_api_keys;
