SELECT * FROM claim_jobs(CAST(:ids AS uuid[]), CAST(:seqs AS integer[]), :worker_id, :lease_ms)
