-- Move jobs of one type that ended `days` ago to the archive: from (before, before_id) on towards the past, so that a job comes before
-- the jobs that it depends on. At most `rows` are looked at. It stays: a job whose idempotency key is still valid; one with a dead
-- letter that is open, or was resolved less than `dlq_days` ago; one that a job depends on which stays; one whose
-- workflow is not finished; one that somebody has
-- locked. Nothing is lost if a crash takes the commit back, so nobody waits for the disk.
SET LOCAL synchronous_commit = off;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off;
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT id, completed_at FROM jobs
    WHERE job_type = :job_type AND completed_at < now() - :days * interval '1 day' AND completed_at <= CAST(:before AS timestamptz)
      AND (completed_at, id) < (CAST(:before AS timestamptz), CAST(:before_id AS uuid))
    ORDER BY completed_at DESC, id DESC LIMIT :rows
),
chosen AS MATERIALIZED (
    SELECT j.id, j.has_dependents FROM jobs j
    WHERE j.id = ANY(ARRAY(SELECT id FROM seen)) AND j.status::text IN ('completed', 'failed', 'cancelled')
      AND (j.idempotency_key IS NULL OR j.idempotency_expires_at IS NULL OR j.idempotency_expires_at <= now())
      AND NOT EXISTS (
          SELECT FROM dead_letter_jobs d
          WHERE d.job_id = j.id AND (d.resolved_at IS NULL OR :dlq_days = 0 OR d.resolved_at >= now() - :dlq_days * interval '1 day'))
      AND NOT EXISTS (SELECT FROM workflows w WHERE w.id = j.workflow_id AND w.finished_at IS NULL)
    FOR UPDATE OF j SKIP LOCKED
),
kept AS (
    SELECT c.id FROM chosen c
    WHERE c.has_dependents
      AND EXISTS (SELECT FROM job_dependencies d WHERE d.depends_on_job_id = c.id AND d.job_id NOT IN (SELECT id FROM chosen))
    UNION
    SELECT d.depends_on_job_id FROM kept JOIN job_dependencies d ON d.job_id = kept.id
    WHERE d.depends_on_job_id IN (SELECT id FROM chosen)
),
gone AS MATERIALIZED (SELECT id FROM chosen WHERE id NOT IN (SELECT id FROM kept)),
resolved AS (
    DELETE FROM dead_letter_jobs WHERE job_id = ANY(ARRAY(SELECT id FROM gone)) RETURNING *
),
stored_dead_letters AS (
    INSERT INTO job_dead_letter_archive (
        id, job_id, job_type, queue_name, reason, error_type, error_message, traceback, fingerprint, payload, attempts, resolved_at,
        resolution, resolved_by, created_at, updated_at)
    SELECT id, job_id, job_type, queue_name, reason, error_type, error_message, traceback, fingerprint, payload, attempts, resolved_at,
        resolution, resolved_by, created_at, updated_at
    FROM resolved
),
moved AS (
    -- Deletes the attempts and the dependencies too; read below they are still there, as when the statement began.
    DELETE FROM jobs WHERE id = ANY(ARRAY(SELECT id FROM gone)) RETURNING *
),
stored AS (
    INSERT INTO job_archive (
        id, job_type, queue_name, status, priority, created_by, created_at, updated_at, completed_at, metadata, payload, result,
        progress, rest, executions, dependencies)
    SELECT id, job_type, queue_name, status, priority, created_by, created_at, updated_at, completed_at, metadata, payload, result,
        progress,
        -- Not jsonb_strip_nulls: it would look into columns that are JSON.
        (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(m) - ARRAY['id', 'job_type', 'queue_name', 'status', 'priority',
            'created_by', 'created_at', 'updated_at', 'completed_at', 'metadata', 'payload', 'result', 'progress'])
         WHERE value <> 'null'),
        coalesce((SELECT jsonb_agg(to_jsonb(e) - 'job_id' ORDER BY e.id) FROM job_executions e WHERE e.job_id = m.id), '[]'),
        coalesce((
            SELECT jsonb_agg(to_jsonb(d) - 'job_id' || jsonb_build_object('job_type', p.job_type, 'status', p.status) ORDER BY p.id)
            FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id WHERE d.job_id = m.id), '[]')
    FROM moved m
)
SELECT
    (SELECT count(*) FROM seen) AS seen, (SELECT count(*) FROM moved) AS jobs, (SELECT count(*) FROM resolved) AS dead_letters,
    last.completed_at AS last_at, last.id AS last_id
FROM (SELECT 1) AS one LEFT JOIN (SELECT * FROM seen ORDER BY completed_at, id LIMIT 1) AS last ON true
