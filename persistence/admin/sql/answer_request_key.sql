UPDATE job_api_requests SET answer = CAST(:answer AS jsonb) WHERE actor = :actor AND key = :key
