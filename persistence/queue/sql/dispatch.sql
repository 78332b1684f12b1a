-- First the queues: one is dispatched by one dispatcher at a time, or two together would not keep to its limit, and a pause waits
-- for it. Those that somebody else holds are passed over, and the paused, and those without work: an idle look writes nothing.
-- A statement of its own, so that the next one sees what the others did.
SELECT set_config('aeon_jobs.held', coalesce(jsonb_agg(name), '[]')::text, true) FROM (
    SELECT name FROM job_queues
    WHERE name = ANY(CAST(:queues AS text[])) AND paused_at IS NULL
      AND EXISTS (SELECT FROM jobs WHERE status = 'pending' AND ready AND queue_name = job_queues.name)
    ORDER BY name FOR NO KEY UPDATE SKIP LOCKED
) AS held;
-- Take up to `free` ready jobs of each queue, highest priority first. Rows that somebody holds are passed over.
WITH slots AS (
    SELECT slot.queue_name, CASE WHEN q.max_running IS NULL THEN slot.free ELSE
        greatest(0, least(slot.free, q.max_running
            -- Two counts, for each state has its own small index.
            - (SELECT count(*) FROM jobs WHERE status = 'queued' AND queue_name = slot.queue_name)
            - (SELECT count(*) FROM jobs WHERE status = 'running' AND queue_name = slot.queue_name)))
    END AS free
    FROM unnest(CAST(:queues AS text[]), CAST(:free AS integer[])) AS slot (queue_name, free)
    LEFT JOIN job_queues q ON q.name = slot.queue_name
    WHERE q.name IS NULL OR nullif(current_setting('aeon_jobs.held', true), '')::jsonb ? q.name
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
