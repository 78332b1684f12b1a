-- Delete the history of runs that are older, some at a time.
DELETE FROM job_schedule_runs WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM job_schedule_runs WHERE created_at < now() - :days * interval '1 day' AND (outcome <> 'submitted' OR ended_as IS NOT NULL)
    ORDER BY created_at LIMIT 10000
))
