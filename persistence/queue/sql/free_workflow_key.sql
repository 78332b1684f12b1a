-- Take the unique key from a workflow that is over.
UPDATE workflows SET unique_key = NULL WHERE name = :name AND unique_key = :unique_key AND finished_at IS NOT NULL
