-- Announce a process, and the queues it serves: a queue needs a row for a pause and a dispatch to wait for each other.
-- A process that uses an id again replaces the whole row: other processes of its host check its pid.
WITH served AS (
    -- Only missing ones: a conflict would wait for every transaction that has changed the row.
    INSERT INTO job_queues (name)
    SELECT DISTINCT name FROM unnest(CAST(:queues AS varchar[])) AS wanted (name)
    WHERE NOT EXISTS (SELECT FROM job_queues q WHERE q.name = wanted.name) ORDER BY 1 ON CONFLICT DO NOTHING
)
INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, broker_id, queues, job_types,
                     lane, schema_digests, threads, version)
VALUES (:id, :kind, :hostname, :boot_id, :pid_namespace, :pid, :process_started_at, :broker_id,
        CAST(:queues AS varchar[]), CAST(:job_types AS varchar[]),
        :lane, CAST(:schema_digests AS jsonb), :threads, :version)
ON CONFLICT (id) DO UPDATE SET
    state = 'running', last_seen_at = now(), stopped_at = NULL, kind = excluded.kind, hostname = excluded.hostname,
    boot_id = excluded.boot_id, pid_namespace = excluded.pid_namespace, pid = excluded.pid,
    process_started_at = excluded.process_started_at, broker_id = excluded.broker_id, queues = excluded.queues,
    job_types = excluded.job_types, lane = excluded.lane, schema_digests = excluded.schema_digests, threads = excluded.threads, version = excluded.version
