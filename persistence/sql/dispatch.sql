-- Take up to `free` ready jobs of each queue, highest priority first. Rows that another dispatcher holds are passed over.
WITH slots AS (
    SELECT slot.queue_name, slot.free
    FROM unnest(CAST(:queues AS text[]), CAST(:free AS integer[])) AS slot (queue_name, free)
    WHERE NOT EXISTS (SELECT FROM job_queues q WHERE q.name = slot.queue_name AND q.paused_at IS NOT NULL)
),
picked AS (
    SELECT candidate.id
    FROM slots CROSS JOIN LATERAL (
        SELECT id FROM jobs
        WHERE status = 'pending' AND ready AND queue_name = slots.queue_name AND cancel_requested_at IS NULL
        ORDER BY priority DESC, seq
        LIMIT slots.free
        FOR UPDATE SKIP LOCKED
    ) AS candidate
)
-- An array, not a join: how many are picked is not known beforehand, and for many the planner would read the whole table.
UPDATE jobs SET status = 'queued', dispatch_seq = dispatch_seq + 1, queued_at = now()
WHERE id = ANY(ARRAY(SELECT id FROM picked))
RETURNING jobs.id, jobs.dispatch_seq, jobs.queue_name, jobs.job_type, jobs.priority, jobs.seq
