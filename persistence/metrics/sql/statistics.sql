-- The spans of one name (of all jobs: '') between two moments, summed up to points of :step_s seconds. A point without spans has no row.
WITH spans AS MATERIALIZED (
    SELECT *, date_bin(:step_s * interval '1 second', begins_at, CAST(:since AS timestamptz)) AS point FROM job_statistics
    WHERE span_s = :span_s AND kind = :kind AND name = :name AND begins_at >= :since AND begins_at < :until
),
buckets AS (
    SELECT point, 'runs' AS histogram, place, sum(events) AS events
    FROM spans CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS bucket (events, place) GROUP BY point, place
    UNION ALL
    SELECT point, 'waits', place, sum(events)
    FROM spans CROSS JOIN LATERAL unnest(waits) WITH ORDINALITY AS bucket (events, place) GROUP BY point, place
),
histograms AS (
    SELECT point, array_agg(events ORDER BY place) FILTER (WHERE histogram = 'runs') AS runs,
        array_agg(events ORDER BY place) FILTER (WHERE histogram = 'waits') AS waits
    FROM buckets GROUP BY point
)
SELECT point AS begins_at, sum(submitted) AS submitted, sum(completed) AS completed, sum(retried) AS retried,
    sum(failed) AS failed, sum(discarded) AS discarded, sum(cancelled) AS cancelled, h.runs, h.waits, sum(run_s) AS run_s,
    sum(wait_s) AS wait_s, avg(ready) AS ready, max(ready_most) AS ready_most, avg(queued) AS queued, avg(running) AS running,
    avg(dead_letters) AS dead_letters, avg(slots) AS slots, avg(busy) AS busy
FROM spans LEFT JOIN histograms h USING (point) GROUP BY point, h.runs, h.waits ORDER BY point
