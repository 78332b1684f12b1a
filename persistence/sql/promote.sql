-- Mark as ready what came due.
UPDATE jobs SET ready = true
WHERE id IN (
    SELECT id FROM jobs
    WHERE status = 'pending' AND NOT ready AND blocked_by = 0 AND scheduled_at <= now()
    ORDER BY scheduled_at LIMIT 1000
    FOR UPDATE SKIP LOCKED
)
