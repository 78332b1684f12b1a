-- Change the state of a process, for example when it stops.
UPDATE workers SET state = :state, last_seen_at = now(), stopped_at = CASE WHEN :state = 'stopped' THEN now() END
WHERE id = :id
