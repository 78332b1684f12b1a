-- The time of the server, and when the last span of this length ends that was written.
SELECT now() AS now, (
    SELECT begins_at + span_s * interval '1 second' FROM job_statistics
    WHERE span_s = :span_s AND kind = 'all' ORDER BY begins_at DESC LIMIT 1
) AS last_end
