SELECT id::text, attempt FROM record_jobs(CAST(:verdicts AS jsonb), :worker_id, :shard, :dlq_enabled)
