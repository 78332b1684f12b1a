-- Mark what came due as ready, and queue ready jobs for lanes of workers: [{"lane", "free", "queues", "job_types"}, …]. See `persistence.queue.dispatch`.
-- Only jobs whose seq is above `after`. While somebody's long transaction keeps PostgreSQL from forgetting rows that were
-- dispatched, a walk from the beginning visits each of them; those that the index itself leaves out cost little.
CREATE OR REPLACE FUNCTION dispatch_jobs(wanted jsonb, after bigint)
RETURNS TABLE (id uuid, dispatch_seq integer, queue_name varchar, job_type varchar, priority integer, seq bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off AS $$
#variable_conflict use_column
DECLARE
    runnable jsonb;
    keyless text[];
    is_second_look boolean := false;
    only_queue text;
    only_type text;
    only_free integer;
BEGIN
    -- A dispatch that a crash of the server takes back is void: its claim finds another dispatch_seq.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Before promotion, and whatever it meets, dispatching goes on: see settle_workflows.
    IF (SELECT true FROM workflow_changes ORDER BY workflow_id LIMIT 1) IS NOT NULL THEN
        BEGIN
            PERFORM settle_workflows();
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'workflows wait: %', SQLERRM;
        END;
    END IF;
    -- To look costs a tenth of an update that finds nothing.
    IF (SELECT true FROM jobs WHERE status = 'pending' AND NOT ready AND NOT gated AND blocked_by = 0 AND scheduled_at <= now()
        ORDER BY scheduled_at LIMIT 1) IS NOT NULL
    THEN
        PERFORM promote_jobs();
    END IF;
    LOOP
        -- First the pairs of queue and job type that a lane can run now, and a lock on each of their queues. One dispatcher at a time
        -- dispatches a queue: two together would not keep to its limit, and a pause waits for the dispatch. Queues that another
        -- transaction has locked are passed over, and paused ones. A look that finds nothing to run locks nothing, so it writes nothing.
        -- A statement of its own: the next one must see what the other dispatchers did.
        WITH RECURSIVE lanes AS (
            SELECT * FROM jsonb_to_recordset(wanted) AS l (free integer, queues jsonb, job_types jsonb)
        ),
        -- As the function ready_pairs, whose plan would be made anew at each call.
        ready AS (
            (SELECT j.queue_name, j.job_type, j.priority, j.seq FROM jobs j
             WHERE j.status = 'pending' AND j.ready AND j.seq > after ORDER BY j.queue_name, j.job_type, j.priority DESC, j.seq LIMIT 1)
            UNION ALL
            SELECT following.* FROM ready CROSS JOIN LATERAL (
                SELECT j.queue_name, j.job_type, j.priority, j.seq FROM jobs j
                WHERE j.status = 'pending' AND j.ready AND j.seq > after
                  AND (j.queue_name, j.job_type) > (ready.queue_name, ready.job_type)
                ORDER BY j.queue_name, j.job_type, j.priority DESC, j.seq LIMIT 1
            ) AS following
        ),
        pairs AS MATERIALIZED (
            SELECT p.*, coalesce(coalesce(t.limits_override, t.limits) <> '{}', false) AS limited
            FROM ready p LEFT JOIN job_types t ON t.name = p.job_type
            WHERE t.paused_at IS NULL AND EXISTS (SELECT FROM lanes l WHERE l.queues ? p.queue_name AND l.job_types ? p.job_type)
        ),
        locked AS (
            SELECT name, max_running FROM job_queues WHERE name IN (SELECT queue_name FROM pairs) AND paused_at IS NULL
            ORDER BY name FOR NO KEY UPDATE SKIP LOCKED
        ),
        free_pairs AS (
            SELECT pairs.*, locked.max_running FROM pairs LEFT JOIN locked ON locked.name = pairs.queue_name
            WHERE locked.name IS NOT NULL OR NOT EXISTS (SELECT FROM job_queues q WHERE q.name = pairs.queue_name)
        )
        SELECT jsonb_agg(to_jsonb(p)), array_agg(p.job_type) FILTER (WHERE p.limited),
            -- Of a single pair: how many jobs all its lanes have room for.
            CASE WHEN count(*) = 1 AND bool_and(NOT p.limited AND p.max_running IS NULL) THEN (
                SELECT sum(l.free) FROM lanes l WHERE l.queues ? min(p.queue_name) AND l.job_types ? min(p.job_type)) END,
            min(p.queue_name), min(p.job_type)
        INTO runnable, keyless, only_free, only_queue, only_type FROM free_pairs p;
        EXIT WHEN is_second_look;
        is_second_look := true;
        IF keyless IS NOT NULL THEN
            -- Their limits were set after these jobs were sent, or their sender did not know.
            PERFORM key_jobs(keyless);
        END IF;
        -- Ordered, for the index that has nothing else: see promote_jobs.
        EXIT WHEN (SELECT true FROM jobs WHERE status = 'pending' AND gated
                   ORDER BY job_type, limit_key, priority DESC, seq LIMIT 1) IS NULL;
        -- With nothing else to run, the update that lets jobs through the gate makes them queued.
        IF runnable IS NULL AND jsonb_array_length(wanted) = 1 AND NOT EXISTS (
            SELECT FROM job_queues WHERE max_running IS NOT NULL
              AND name = ANY(ARRAY(SELECT jsonb_array_elements_text(wanted -> 0 -> 'queues'))))
        THEN
            RETURN QUERY SELECT * FROM pass_gate(wanted, true);
            RETURN;
        END IF;
        PERFORM pass_gate(wanted, false);
    END LOOP;
    IF runnable IS NULL THEN
        RETURN;
    END IF;
    IF only_free IS NOT NULL THEN
        -- The usual case where little is to do. What follows does the same, and takes twice as long for one job.
        RETURN QUERY
        UPDATE jobs SET status = 'queued', dispatch_seq = dispatch_seq + 1, queued_at = now(), updated_at = clock_timestamp()
        WHERE id = ANY(ARRAY(
            SELECT id FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = only_queue AND job_type = only_type
              AND seq > after AND cancel_requested_at IS NULL
            ORDER BY priority DESC, seq LIMIT only_free
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING jobs.id, jobs.dispatch_seq, jobs.queue_name, jobs.job_type, jobs.priority, jobs.seq;
        RETURN;
    END IF;
    RETURN QUERY
    -- Take up to `free` ready jobs for each lane, highest priority first. First it is counted, without locks, how many of them are
    -- of each pair; then as many of each pair are locked. So no more is locked than is taken, and rows that another transaction has
    -- locked are passed over, however many they are.
    WITH lanes AS (
        SELECT * FROM jsonb_to_recordset(wanted) AS l (lane text, free integer, queues jsonb, job_types jsonb)
    ),
    pairs AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(runnable)
            AS p (queue_name text, job_type text, priority integer, seq bigint, limited boolean)
    ),
    limits AS MATERIALIZED (
        SELECT name AS queue_name, max_running
            -- Two counts, for each state has its own small index.
            - (SELECT count(*) FROM jobs WHERE status = 'queued' AND queue_name = q.name)
            - (SELECT count(*) FROM jobs WHERE status = 'running' AND queue_name = q.name) AS allowed
        FROM job_queues q WHERE max_running IS NOT NULL AND name IN (SELECT queue_name FROM pairs)
    ),
    -- Pairs in the order of their first jobs. The n-th pair has at most free - n + 1 of the lane's next jobs.
    choices AS (
        SELECT l.lane, l.free, p.queue_name, p.job_type, p.limited, limits.allowed, CASE WHEN limits.allowed IS NULL
            THEN l.free + 1 - row_number() OVER (PARTITION BY l.lane, limits.allowed IS NULL ORDER BY p.priority DESC, p.seq)
            ELSE least(l.free, limits.allowed) END AS at_most, count(*) OVER (PARTITION BY l.lane) AS in_lane
        FROM pairs p JOIN lanes l ON l.queues ? p.queue_name AND l.job_types ? p.job_type LEFT JOIN limits USING (queue_name)
    ),
    next_jobs AS (
        SELECT c.lane, c.free, c.queue_name, c.job_type, c.limited, c.allowed, j.priority, j.seq,
            row_number() OVER (PARTITION BY c.lane, c.queue_name ORDER BY j.priority DESC, j.seq) AS in_queue
        FROM choices c CROSS JOIN LATERAL (
            SELECT priority, seq FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = c.queue_name AND job_type = c.job_type
              AND seq > after AND cancel_requested_at IS NULL AND (limit_key IS NOT NULL OR NOT c.limited)
            ORDER BY priority DESC, seq LIMIT c.at_most
        ) AS j
        WHERE c.at_most > 0 AND c.in_lane > 1
    ),
    shares AS (
        SELECT queue_name, job_type, limited, allowed, sum(share)::bigint AS share FROM (
            -- A pair that is alone in its lane needs no counting.
            SELECT queue_name, job_type, limited, allowed, at_most AS share FROM choices WHERE at_most > 0 AND in_lane = 1
            UNION ALL
            SELECT queue_name, job_type, limited, allowed, count(*)
            FROM (SELECT *, row_number() OVER (PARTITION BY lane ORDER BY priority DESC, seq) AS place FROM next_jobs
                  WHERE allowed IS NULL OR in_queue <= allowed) AS ranked
            WHERE place <= free
            GROUP BY queue_name, job_type, limited, allowed
        ) AS counted
        GROUP BY queue_name, job_type, limited, allowed
    ),
    locked AS (
        SELECT s.allowed, j.id, row_number() OVER (PARTITION BY s.queue_name ORDER BY j.priority DESC, j.seq) AS in_queue
        FROM shares s CROSS JOIN LATERAL (
            SELECT id, priority, seq FROM jobs
            WHERE status = 'pending' AND ready AND queue_name = s.queue_name AND job_type = s.job_type
              AND seq > after AND cancel_requested_at IS NULL AND (limit_key IS NOT NULL OR NOT s.limited)
            ORDER BY priority DESC, seq LIMIT s.share
            FOR UPDATE SKIP LOCKED
        ) AS j
    )
    -- An array, not a join: how many are picked is not known beforehand, and for many the planner would read the whole table.
    UPDATE jobs SET status = 'queued', dispatch_seq = dispatch_seq + 1, queued_at = now(), updated_at = clock_timestamp()
    WHERE id = ANY(ARRAY(SELECT id FROM locked WHERE allowed IS NULL OR in_queue <= allowed))
    RETURNING jobs.id, jobs.dispatch_seq, jobs.queue_name, jobs.job_type, jobs.priority, jobs.seq;
END
$$;
