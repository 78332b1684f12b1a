-- Announce a process.
INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, broker_id, queues, job_types,
                     threads, version)
VALUES (:id, :kind, :hostname, :boot_id, :pid_namespace, :pid, :process_started_at, :broker_id,
        CAST(:queues AS varchar[]), CAST(:job_types AS varchar[]), :threads, :version)
ON CONFLICT (id) DO UPDATE SET
    state = 'running', last_seen_at = now(), stopped_at = NULL, broker_id = excluded.broker_id,
    queues = excluded.queues, job_types = excluded.job_types, threads = excluded.threads
