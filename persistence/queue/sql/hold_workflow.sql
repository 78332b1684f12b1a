-- Keep a workflow from being closed, while its counters go on: the lock is weaker than what an update of them needs.
SELECT closed_at, cancel_requested_at FROM workflows WHERE id = :id FOR KEY SHARE
