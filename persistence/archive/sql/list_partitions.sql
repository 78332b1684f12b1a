-- The partitions of the archive. Rows are PostgreSQL's estimate.
SELECT p.relname AS table, c.relname AS name, to_date(right(c.relname, 7), 'YYYY_MM') AS month,
    greatest(c.reltuples, (SELECT s.n_live_tup FROM pg_stat_user_tables s WHERE s.relid = c.oid), 0)::bigint AS rows,
    pg_total_relation_size(c.oid) AS bytes
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE i.inhparent IN ('job_archive'::regclass, 'job_dead_letter_archive'::regclass, 'job_audit_archive'::regclass)
ORDER BY c.relname
