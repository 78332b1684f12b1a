-- How large our tables are, with all their partitions, and how many rows of them live and are dead by PostgreSQL's estimate.
SELECT
    named.name,
    sum(pg_relation_size(part.oid))::bigint AS heap_bytes,
    sum(pg_indexes_size(part.oid))::bigint AS index_bytes,
    sum(CASE WHEN part.reltoastrelid <> 0 THEN pg_total_relation_size(part.reltoastrelid) ELSE 0 END)::bigint AS toast_bytes,
    sum(pg_stat_get_live_tuples(part.oid))::bigint AS live_rows,
    sum(pg_stat_get_dead_tuples(part.oid))::bigint AS dead_rows
FROM unnest(CAST(:names AS text[])) AS named (name)
JOIN pg_class root ON root.oid = to_regclass(quote_ident(named.name))
CROSS JOIN LATERAL (
    SELECT root.oid UNION SELECT relid FROM pg_partition_tree(root.oid)
) AS member
JOIN pg_class part ON part.oid = member.oid
GROUP BY named.name ORDER BY named.name
