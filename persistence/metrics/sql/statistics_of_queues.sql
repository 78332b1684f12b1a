-- Of the queues that are the longest or have the most to do between two moments: how many jobs were ready, by points of :step_s seconds.
WITH spans AS MATERIALIZED (
    SELECT name, date_bin(:step_s * interval '1 second', begins_at, CAST(:since AS timestamptz)) AS point, ready, ready_most, wait_s
    FROM job_statistics WHERE span_s = :span_s AND kind = 'queue' AND begins_at >= :since AND begins_at < :until
),
largest AS (
    SELECT name FROM spans GROUP BY name
    ORDER BY coalesce(max(ready_most), 0) DESC, sum(wait_s) DESC, name LIMIT :queues
)
SELECT name, point AS begins_at, avg(ready) AS ready FROM spans JOIN largest USING (name) GROUP BY name, point ORDER BY name, point
