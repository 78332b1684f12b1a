-- How many jobs are pending, of them scheduled for a moment in the future, and failed: each an index-only scan.
SELECT
    (SELECT count(*) FROM jobs WHERE status = 'pending') AS pending,
    (SELECT count(*) FROM jobs WHERE status = 'pending' AND NOT ready AND NOT gated AND blocked_by = 0 AND scheduled_at > now()) AS scheduled,
    (SELECT count(*) FROM jobs WHERE status = 'failed') AS failed
