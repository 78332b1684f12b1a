SET LOCAL jit = off;
SET LOCAL enable_seqscan = off;
-- Dead letters by cause: open ones of all time, and the newest :most of the period, in 24 parts. The most frequent first.
WITH opened AS (
    SELECT fingerprint, count(*) AS dead_letters, min(id) AS first_id, max(id) AS last_id
    FROM dead_letter_jobs
    WHERE resolved_at IS NULL AND (CAST(:fingerprint AS text) IS NULL OR fingerprint = :fingerprint)
    GROUP BY fingerprint
),
recent AS MATERIALIZED (
    SELECT id, coalesce(fingerprint, '') AS cause,
        least(23, floor(extract(epoch FROM created_at - CAST(:since AS timestamptz)) / :part_s))::integer AS part
    FROM (
        SELECT id, fingerprint, created_at FROM dead_letter_jobs WHERE created_at >= :since
        ORDER BY created_at DESC, id DESC LIMIT :most
    ) AS newest
    WHERE CAST(:fingerprint AS text) IS NULL OR fingerprint = :fingerprint
),
lately AS (SELECT cause, count(*) AS dead_letters, min(id) AS first_id, max(id) AS last_id FROM recent GROUP BY cause),
chosen AS (
    SELECT cause, coalesce(o.dead_letters, 0) AS open, coalesce(l.dead_letters, 0) AS count,
        least(o.first_id, l.first_id) AS first_id, greatest(o.last_id, l.last_id) AS last_id
    FROM (SELECT coalesce(fingerprint, '') AS cause, dead_letters, first_id, last_id FROM opened) AS o
    FULL JOIN lately l USING (cause)
    ORDER BY coalesce(o.dead_letters, 0) DESC, coalesce(l.dead_letters, 0) DESC, greatest(o.last_id, l.last_id) DESC LIMIT :limit
),
parts AS (
    SELECT c.cause, nth, count(r.id) AS dead_letters
    FROM chosen c CROSS JOIN generate_series(0, 23) AS nth LEFT JOIN recent r ON r.cause = c.cause AND r.part = nth
    GROUP BY c.cause, nth
),
charts AS (SELECT cause, array_agg(dead_letters ORDER BY nth) AS chart FROM parts GROUP BY cause)
SELECT nullif(c.cause, '') AS fingerprint, sample.job_type, sample.queue_name, sample.reason, sample.error_type,
    left(sample.error_message, 2000) AS error_message, left(sample.traceback, 20000) AS traceback,
    sample.id AS dead_letter_id, sample.job_id, c.open, c.count, oldest.created_at AS first_seen_at,
    sample.created_at AS last_seen_at, charts.chart, (SELECT count(*) FROM recent) AS looked_at
FROM chosen c
JOIN dead_letter_jobs oldest ON oldest.id = c.first_id
JOIN dead_letter_jobs sample ON sample.id = c.last_id
JOIN charts USING (cause)
ORDER BY c.open DESC, c.count DESC, c.last_id DESC
