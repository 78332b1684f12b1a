-- Forget the long gone.
DELETE FROM workers
WHERE state IN ('stopped', 'lost') AND last_seen_at < now() - :retention_ms * interval '1 millisecond'
