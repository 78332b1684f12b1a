-- Prove life. A process that was given up for lost and speaks again is running again.
UPDATE workers SET last_seen_at = now(), busy = :busy, state = CASE WHEN state = 'lost' THEN 'running' ELSE state END
WHERE id = :id
