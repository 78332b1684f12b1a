-- Mark processes as lost that had no heartbeat for too long.
UPDATE workers SET state = 'lost', busy = 0
WHERE last_seen_at < now() - :silence_ms * interval '1 millisecond' AND state IN ('running', 'stopping')
RETURNING id, kind, pid, process_started_at, broker_id, lane
