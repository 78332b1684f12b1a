-- Jobs that wait for a limit of their type, by type: an index-only scan.
SELECT job_type, count(*) AS jobs FROM jobs WHERE status = 'pending' AND gated GROUP BY job_type
