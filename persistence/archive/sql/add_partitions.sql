-- Partitions for this month and the next ones, if they are missing.
SELECT add_archive_partitions(d, (d + :months * interval '1 month')::date) FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS d) AS today
