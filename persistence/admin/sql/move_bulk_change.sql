UPDATE job_bulk_changes SET
    looked_at = looked_at + :looked_at, changed = changed + :changed, position = coalesce(CAST(:position AS jsonb), position),
    moved_at = clock_timestamp(), finished_at = CASE WHEN :is_last THEN clock_timestamp() END
WHERE id = :id
