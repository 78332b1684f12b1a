-- Compiling this takes longer than running it, as does starting other processes for it, and the planner guesses otherwise.
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0;
-- Each count is an index-only scan. Pending jobs that are neither ready nor waiting for a moment wait for other jobs.
SELECT
    pending.total - waiting.scheduled AS pending, waiting.scheduled,
    pending.total - ready.total - waiting.total AS blocked,
    (SELECT count(*) FROM jobs WHERE status = 'queued') AS queued,
    (SELECT count(*) FROM jobs WHERE status = 'running') AS running,
    (SELECT count(*) FROM jobs WHERE status = 'failed') AS failed,
    (SELECT count(*) FROM dead_letter_jobs WHERE resolved_at IS NULL) AS dlq
FROM
    (SELECT count(*) AS total FROM jobs WHERE status = 'pending') AS pending,
    (SELECT count(*) AS total FROM jobs WHERE status = 'pending' AND ready) AS ready,
    (SELECT count(*) AS total, count(*) FILTER (WHERE scheduled_at > now()) AS scheduled
     FROM jobs WHERE status = 'pending' AND NOT ready AND blocked_by = 0) AS waiting
