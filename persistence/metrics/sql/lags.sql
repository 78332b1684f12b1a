-- Since when the oldest dispatch was not claimed, in seconds; and how many handlers run for longer than they may.
SELECT
    coalesce((
        SELECT extract(epoch FROM now() - queued_at) FROM jobs WHERE status = 'queued' ORDER BY queued_at LIMIT 1
    ), 0)::double precision AS dispatch_lag_s,
    (
        SELECT count(*) FROM jobs
        WHERE status = 'running' AND started_at + timeout_ms * interval '1 millisecond' < now()
    ) AS running_past_deadline
