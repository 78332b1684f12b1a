-- Have a worker begin nothing new, or begin again.
UPDATE workers SET quieted_at = CASE WHEN :is_quiet THEN coalesce(quieted_at, now()) END
WHERE id = :id AND kind = 'worker' AND state = 'running'
