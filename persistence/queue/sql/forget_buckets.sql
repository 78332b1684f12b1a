-- No period is longer than that, so they are full.
DELETE FROM job_limit_buckets WHERE refilled_at < now() - :age_s * interval '1 second'
