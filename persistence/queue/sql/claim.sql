-- The claimed jobs, and when they became due. A subquery: a join could be planned as a scan of the whole table. It reads
-- the rows as they were before the claim, which does not change this column.
SELECT claimed.*, (SELECT jobs.scheduled_at FROM jobs WHERE jobs.id = claimed.id)
FROM claim_jobs(CAST(:ids AS uuid[]), CAST(:seqs AS integer[]), :worker_id, :lease_ms) AS claimed
