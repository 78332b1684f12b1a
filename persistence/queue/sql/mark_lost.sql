-- Declare processes dead.
UPDATE workers SET state = 'lost', busy = 0
WHERE id = ANY(CAST(:ids AS varchar[])) AND state IN ('running', 'stopping')
RETURNING id, kind, pid, process_started_at, broker_id, lane
