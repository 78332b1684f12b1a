-- All known processes, the latest seen first.
SELECT * FROM workers ORDER BY last_seen_at DESC
