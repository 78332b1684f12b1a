-- Mark as ready what came due. Sorting is forbidden, for the index of these jobs has them in order: the planner may believe
-- that few jobs are pending, and look through and sort all of them.
SET LOCAL enable_sort = off;
UPDATE jobs SET ready = true
WHERE id = ANY(ARRAY(
    SELECT id FROM jobs
    WHERE status = 'pending' AND NOT ready AND blocked_by = 0 AND scheduled_at <= now()
    ORDER BY scheduled_at LIMIT 1000
    FOR UPDATE SKIP LOCKED
))
