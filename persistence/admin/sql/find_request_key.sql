SELECT fingerprint, answer FROM job_api_requests WHERE actor = :actor AND key = :key
