-- Live rows of one host and pid namespace.
SELECT id, kind, pid, process_started_at, broker_id, lane FROM workers
WHERE boot_id = :boot_id AND pid_namespace = :pid_namespace AND state IN ('running', 'stopping')
