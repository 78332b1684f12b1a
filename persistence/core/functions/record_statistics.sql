-- Write the spans of 10 seconds that ended since the last call: what the counters have gained, and what waits and runs now. Then sum
-- up the minutes and hours that are over, and forget old spans. Returns how many spans of 10 seconds were written. Any number of
-- processes may call it: one of them finds something to do.
CREATE OR REPLACE FUNCTION record_statistics(silence_ms double precision, with_depths boolean) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 AS $$
#variable_conflict use_column
DECLARE
    epoch_start CONSTANT timestamptz := '2000-01-01Z';
    new_end CONSTANT timestamptz := date_bin('10 seconds', now(), epoch_start);
    old_end timestamptz;
    spans integer;
    coarse_s integer;
    fine_s integer;
    from_moment timestamptz;
    to_moment timestamptz;
BEGIN
    -- Each statement below sees what the process before has committed.
    PERFORM pg_advisory_xact_lock(hashtextextended('aeon-jobs statistics ' || current_schema(), 0));
    old_end := (
        SELECT begins_at + interval '10 seconds' FROM job_statistics
        WHERE span_s = 10 AND kind = 'all' ORDER BY begins_at DESC LIMIT 1
    );
    IF old_end >= new_end THEN
        RETURN 0;
    END IF;
    -- While nobody called, the counters went on: what they gained is spread over the time, over an hour at most.
    spans := greatest(1, least(360, round(extract(epoch FROM new_end - coalesce(old_end, new_end)) / 10)));

    WITH counters AS (
        SELECT metric, job_type AS name, label, sum(value) AS value, sum(seconds) AS seconds FROM job_counters
        WHERE metric IN ('processed', 'duration_bucket', 'wait_bucket') GROUP BY metric, job_type, label
        UNION ALL
        -- Each submission takes a number, one too that was rolled back or named a job that is there.
        SELECT 'submitted', '', '', CASE WHEN is_called THEN last_value ELSE 0 END, 0 FROM jobs_seq_seq
    ),
    gained AS (
        SELECT c.metric, c.name, c.label, c.value, c.seconds,
            -- A counter that fell was begun anew, as after a restore.
            (c.value - CASE WHEN m.value <= c.value THEN m.value ELSE 0 END) / spans AS events,
            (c.seconds - CASE WHEN m.value <= c.value AND m.seconds <= c.seconds THEN m.seconds ELSE 0 END) / spans AS took
        FROM counters c LEFT JOIN job_counter_marks m ON (m.metric, m.name, m.label) = (c.metric, c.name, c.label)
        WHERE m.value IS DISTINCT FROM c.value
    ),
    marked AS (
        INSERT INTO job_counter_marks (metric, name, label, value, seconds)
        SELECT metric, name, label, value, seconds FROM gained
        ON CONFLICT (metric, name, label) DO UPDATE SET value = excluded.value, seconds = excluded.seconds
    ),
    events AS (
        SELECT CASE metric WHEN 'wait_bucket' THEN 'queue' ELSE 'job_type' END AS kind, name, metric, label, events, took
        FROM gained WHERE metric <> 'submitted'
        UNION ALL
        SELECT 'all', '', metric, label, sum(events), sum(took) FROM gained GROUP BY metric, label
    ),
    counts AS (
        SELECT kind, name,
            coalesce(sum(events) FILTER (WHERE metric = 'submitted'), 0) AS submitted,
            coalesce(sum(events) FILTER (WHERE metric = 'processed' AND label = 'completed'), 0) AS completed,
            coalesce(sum(events) FILTER (WHERE metric = 'processed' AND label = 'retried'), 0) AS retried,
            coalesce(sum(events) FILTER (WHERE metric = 'processed' AND label = 'failed'), 0) AS failed,
            coalesce(sum(events) FILTER (WHERE metric = 'processed' AND label = 'discarded'), 0) AS discarded,
            coalesce(sum(events) FILTER (WHERE metric = 'processed' AND label = 'cancelled'), 0) AS cancelled,
            coalesce(sum(took) FILTER (WHERE metric = 'duration_bucket'), 0) AS run_s,
            coalesce(sum(took) FILTER (WHERE metric = 'wait_bucket'), 0) AS wait_s
        FROM events GROUP BY kind, name
    ),
    histograms AS (
        SELECT h.kind, h.name, h.metric, array_agg(coalesce(e.events, 0) ORDER BY place) AS buckets
        FROM (SELECT DISTINCT kind, name, metric FROM events WHERE metric IN ('duration_bucket', 'wait_bucket')) AS h
        CROSS JOIN LATERAL generate_series(0, CASE h.metric WHEN 'wait_bucket' THEN 14 ELSE 8 END) AS place
        LEFT JOIN events e ON (e.kind, e.name, e.metric, e.label) = (h.kind, h.name, h.metric, place::text)
        GROUP BY h.kind, h.name, h.metric
    ),
    jobs_now AS (
        SELECT queue_name, 'ready' AS state, count(*) AS jobs FROM jobs
        WHERE status = 'pending' AND ready AND with_depths GROUP BY queue_name
        UNION ALL
        SELECT queue_name, 'queued', count(*) FROM jobs WHERE status = 'queued' AND with_depths GROUP BY queue_name
        UNION ALL
        SELECT queue_name, 'running', count(*) FROM jobs WHERE status = 'running' AND with_depths GROUP BY queue_name
    ),
    depths AS (
        SELECT kind, name,
            coalesce(sum(jobs) FILTER (WHERE state = 'ready'), 0) AS ready,
            coalesce(sum(jobs) FILTER (WHERE state = 'queued'), 0) AS queued,
            coalesce(sum(jobs) FILTER (WHERE state = 'running'), 0) AS running
        FROM (
            SELECT 'queue' AS kind, queue_name AS name, state, jobs FROM jobs_now
            UNION ALL SELECT 'all', '', state, jobs FROM jobs_now
            -- If no job waits or runs, this is counted too.
            UNION ALL SELECT 'all', '', 'none', 0 WHERE with_depths
        ) AS each_one GROUP BY kind, name
    ),
    processes AS (
        SELECT coalesce(sum(threads), 0) AS slots, coalesce(sum(busy), 0) AS busy FROM workers
        WHERE kind = 'worker' AND state IN ('running', 'stopping') AND last_seen_at > now() - silence_ms * interval '1 millisecond'
    ),
    names AS (
        SELECT kind, name, row_number() OVER (
            PARTITION BY kind ORDER BY coalesce(completed + retried + failed + wait_s, 0) + coalesce(ready, 0) DESC, name
        ) AS place
        FROM counts FULL JOIN depths USING (kind, name)
        UNION ALL SELECT 'all', '', 1 WHERE NOT EXISTS (SELECT FROM counts WHERE kind = 'all') AND NOT with_depths
    )
    INSERT INTO job_statistics (
        span_s, kind, begins_at, name, submitted, completed, retried, failed, discarded, cancelled, runs, run_s, waits, wait_s,
        ready, ready_most, queued, running, dead_letters, slots, busy
    )
    SELECT 10, n.kind, new_end - nth * interval '10 seconds', n.name,
        coalesce(c.submitted, 0), coalesce(c.completed, 0), coalesce(c.retried, 0), coalesce(c.failed, 0),
        coalesce(c.discarded, 0), coalesce(c.cancelled, 0), r.buckets, coalesce(c.run_s, 0), w.buckets, coalesce(c.wait_s, 0),
        CASE WHEN nth = 1 THEN d.ready END, CASE WHEN nth = 1 THEN d.ready END, CASE WHEN nth = 1 THEN d.queued END,
        CASE WHEN nth = 1 THEN d.running END,
        CASE WHEN nth = 1 AND n.kind = 'all' AND with_depths THEN
            (SELECT count(*) FROM dead_letter_jobs WHERE resolved_at IS NULL)
        END,
        CASE WHEN nth = 1 AND n.kind = 'all' THEN p.slots END, CASE WHEN nth = 1 AND n.kind = 'all' THEN p.busy END
    FROM names n CROSS JOIN processes p
    -- A span that nobody looked at has no row unless something happened.
    CROSS JOIN LATERAL generate_series(1, spans) AS nth
    LEFT JOIN counts c ON (c.kind, c.name) = (n.kind, n.name)
    LEFT JOIN depths d ON (d.kind, d.name) = (n.kind, n.name)
    LEFT JOIN histograms r ON (r.kind, r.name, r.metric) = (n.kind, n.name, 'duration_bucket')
    LEFT JOIN histograms w ON (w.kind, w.name, w.metric) = (n.kind, n.name, 'wait_bucket')
    -- The most active ones: there may be a queue for each tenant.
    WHERE n.place <= 50 AND (nth = 1 OR c.kind IS NOT NULL)
    ON CONFLICT (span_s, kind, begins_at, name) DO NOTHING;

    FOREACH coarse_s IN ARRAY ARRAY[60, 3600] LOOP
        fine_s := CASE coarse_s WHEN 60 THEN 10 ELSE 60 END;
        to_moment := date_bin(make_interval(secs => coarse_s), new_end, epoch_start);
        from_moment := coalesce((
            SELECT begins_at + make_interval(secs => coarse_s) FROM job_statistics
            WHERE span_s = coarse_s AND kind = 'all' ORDER BY begins_at DESC LIMIT 1
        ), '-infinity');
        CONTINUE WHEN from_moment >= to_moment;

        WITH finer AS MATERIALIZED (
            SELECT *, date_bin(make_interval(secs => coarse_s), begins_at, epoch_start) AS starts_at FROM job_statistics
            WHERE span_s = fine_s AND kind IN ('all', 'queue', 'job_type')
              AND begins_at >= from_moment AND begins_at < to_moment
        ),
        buckets AS (
            SELECT starts_at, kind, name, 'runs' AS histogram, place, sum(events) AS events
            FROM finer CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS bucket (events, place) GROUP BY 1, 2, 3, place
            UNION ALL
            SELECT starts_at, kind, name, 'waits', place, sum(events)
            FROM finer CROSS JOIN LATERAL unnest(waits) WITH ORDINALITY AS bucket (events, place) GROUP BY 1, 2, 3, place
        ),
        histograms AS (
            SELECT starts_at, kind, name, array_agg(events ORDER BY place) FILTER (WHERE histogram = 'runs') AS runs,
                array_agg(events ORDER BY place) FILTER (WHERE histogram = 'waits') AS waits
            FROM buckets GROUP BY starts_at, kind, name
        )
        INSERT INTO job_statistics (
            span_s, kind, begins_at, name, submitted, completed, retried, failed, discarded, cancelled, runs, run_s, waits,
            wait_s, ready, ready_most, queued, running, dead_letters, slots, busy
        )
        SELECT coarse_s, f.kind, f.starts_at, f.name, sum(submitted), sum(completed), sum(retried), sum(failed), sum(discarded),
            sum(cancelled), h.runs, sum(run_s), h.waits, sum(wait_s), avg(ready), max(ready_most), avg(queued), avg(running),
            avg(dead_letters), avg(slots), avg(busy)
        FROM finer f LEFT JOIN histograms h ON (h.starts_at, h.kind, h.name) = (f.starts_at, f.kind, f.name)
        GROUP BY f.starts_at, f.kind, f.name, h.runs, h.waits
        ON CONFLICT (span_s, kind, begins_at, name) DO UPDATE SET
            submitted = excluded.submitted, completed = excluded.completed, retried = excluded.retried, failed = excluded.failed,
            discarded = excluded.discarded, cancelled = excluded.cancelled, runs = excluded.runs, run_s = excluded.run_s,
            waits = excluded.waits, wait_s = excluded.wait_s, ready = excluded.ready, ready_most = excluded.ready_most,
            queued = excluded.queued, running = excluded.running, dead_letters = excluded.dead_letters,
            slots = excluded.slots, busy = excluded.busy;

        DELETE FROM job_statistics USING (VALUES
            (10, interval '30 minutes'), (60, interval '2 days'), (3600, interval '31 days')
        ) AS kept (span, age)
        WHERE span_s = kept.span AND kind IN ('all', 'queue', 'job_type') AND begins_at < new_end - kept.age;
    END LOOP;
    RETURN spans;
END
$$;
