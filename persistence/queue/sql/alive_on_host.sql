-- How many processes of one kind, on one host and in one pid namespace, have sent a heartbeat within `silence_ms`.
SELECT count(*) FROM workers
WHERE boot_id = :boot_id AND pid_namespace = :pid_namespace AND kind = :kind AND state <> 'stopped'
  AND last_seen_at > now() - :silence_ms * interval '1 millisecond'
