-- First the queues: one is dispatched by one dispatcher at a time, or two together would not keep to its limit, and a pause waits
-- for it. Those that another dispatcher has are passed over, and the paused, and those without work: an idle look writes nothing.
-- A statement of its own, so that the next one sees what the others did.
SELECT set_config('aeon_jobs.locked', coalesce(jsonb_agg(name), '[]')::text, true) FROM (
    SELECT name FROM job_queues
    WHERE name IN (SELECT p.queue_name FROM ready_pairs() p) AND name = ANY(CAST(:queues AS text[])) AND paused_at IS NULL
    ORDER BY name FOR NO KEY UPDATE SKIP LOCKED
) AS locked;
-- Take up to `free` ready jobs for each lane: of each queue and job type that its workers can run, highest priority first. Rows
-- that another transaction has locked are passed over.
WITH lanes AS (
    SELECT * FROM jsonb_to_recordset(CAST(:lanes AS jsonb)) AS l (lane text, free integer, queues jsonb, job_types jsonb)
),
pairs AS (
    -- Who picks n jobs needs no more than the n pairs whose first jobs come first.
    SELECT lane, free, queue_name, job_type, least(free, count(*) OVER (PARTITION BY lane)) AS in_lane FROM (
        SELECT l.lane, l.free, p.queue_name, p.job_type,
            row_number() OVER (PARTITION BY l.lane ORDER BY head.priority DESC, head.seq) AS place
        FROM ready_pairs() p JOIN lanes l ON l.queues ? p.queue_name AND l.job_types ? p.job_type
        LEFT JOIN job_queues q ON q.name = p.queue_name
        CROSS JOIN LATERAL (
            SELECT priority, seq FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = p.queue_name AND job_type = p.job_type
            ORDER BY priority DESC, seq LIMIT 1
        ) AS head
        WHERE q.name IS NULL OR nullif(current_setting('aeon_jobs.locked', true), '')::jsonb ? q.name
    ) AS placed
    WHERE place <= free
),
ready AS (
    SELECT DISTINCT ON (candidate.id) candidate.id, pairs.lane, pairs.free, pairs.queue_name, candidate.priority, candidate.seq
    FROM pairs CROSS JOIN LATERAL (
        SELECT id, priority, seq FROM jobs
        WHERE status = 'pending' AND ready AND queue_name = pairs.queue_name AND job_type = pairs.job_type
          AND cancel_requested_at IS NULL
        ORDER BY priority DESC, seq
        -- A lock is a write. Of many pairs each gives a few, and the next round sees to the rest.
        LIMIT CASE WHEN pairs.in_lane <= 8 THEN pairs.free ELSE greatest(1, 8 * pairs.free / pairs.in_lane) END
        FOR UPDATE SKIP LOCKED
    ) AS candidate
),
limits AS (
    SELECT name AS queue_name, max_running
        -- Two counts, for each state has its own small index.
        - (SELECT count(*) FROM jobs WHERE status = 'queued' AND queue_name = q.name)
        - (SELECT count(*) FROM jobs WHERE status = 'running' AND queue_name = q.name) AS allowed
    FROM job_queues q WHERE max_running IS NOT NULL AND name IN (SELECT queue_name FROM pairs)
),
allowed AS (
    SELECT ranked.*, row_number() OVER (PARTITION BY lane ORDER BY priority DESC, seq) AS in_lane
    FROM (SELECT ready.*, row_number() OVER (PARTITION BY queue_name ORDER BY priority DESC, seq) AS in_queue FROM ready) ranked
    LEFT JOIN limits USING (queue_name)
    WHERE limits.allowed IS NULL OR in_queue <= limits.allowed
),
picked AS (
    SELECT id, lane FROM allowed WHERE in_lane <= free
),
-- An array, not a join: how many are picked is not known beforehand, and for many the planner would read the whole table.
dispatched AS (
    UPDATE jobs SET status = 'queued', dispatch_seq = dispatch_seq + 1, queued_at = now()
    WHERE id = ANY(ARRAY(SELECT id FROM picked))
    RETURNING jobs.id, jobs.dispatch_seq, jobs.queue_name, jobs.job_type, jobs.priority, jobs.seq
)
SELECT dispatched.*, picked.lane FROM dispatched JOIN picked ON picked.id = dispatched.id
