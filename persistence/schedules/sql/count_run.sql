-- Count a decision for the metrics.
INSERT INTO job_counters (metric, job_type, label, shard, value) VALUES ('schedule_runs', :job_type, :outcome, -2, 1)
ON CONFLICT (metric, job_type, label, shard) DO UPDATE SET value = job_counters.value + 1
