-- Prove life. A process that was given up, or took a role again that it had given back, is running again.
UPDATE workers SET last_seen_at = now(), busy = :busy, state = CASE WHEN state IN ('lost', 'stopped') THEN 'running' ELSE state END
WHERE id = :id
RETURNING quieted_at IS NOT NULL AS is_quiet
