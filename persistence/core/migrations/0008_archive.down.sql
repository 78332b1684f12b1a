-- Everything in the archive goes back to where it came from: nothing is lost.
DO $$
DECLARE
    ids uuid[];
BEGIN
    LOOP
        SELECT array_agg(id) INTO ids FROM (SELECT id FROM job_archive LIMIT 1000) AS a;
        EXIT WHEN ids IS NULL;
        PERFORM bring_back_jobs(ids);
    END LOOP;
END
$$;
-- Dead letters of jobs that were never archived, of messages without a job, and of jobs that are forgotten already.
INSERT INTO dead_letter_jobs OVERRIDING SYSTEM VALUE
SELECT dead_letter.* FROM job_dead_letter_archive a
CROSS JOIN LATERAL jsonb_populate_record(NULL::dead_letter_jobs, to_jsonb(a)
    || jsonb_build_object('job_id', (SELECT id FROM jobs WHERE id = a.job_id))) AS dead_letter;
INSERT INTO job_audit_log OVERRIDING SYSTEM VALUE
SELECT entry.* FROM job_audit_archive a CROSS JOIN LATERAL jsonb_populate_record(NULL::job_audit_log, to_jsonb(a)) AS entry;
DELETE FROM job_background_tasks WHERE name IN ('archive', 'partitions');
DROP FUNCTION bring_back_jobs(uuid[]), drop_archive_partitions(integer), add_archive_partitions(date, date);
DROP TABLE job_archive, job_dead_letter_archive, job_audit_archive;
DROP INDEX jobs_finished_idx;
CREATE INDEX jobs_finished_idx ON jobs (completed_at) WHERE completed_at IS NOT NULL;
