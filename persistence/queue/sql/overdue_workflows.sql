-- Workflows whose deadline has passed, longest ago first; those that were cancelled too, for their deadline was moved to that moment.
WITH overdue AS (
    SELECT id FROM workflows WHERE finished_at IS NULL AND deadline_at <= now() ORDER BY deadline_at LIMIT 100
    FOR NO KEY UPDATE SKIP LOCKED
),
marked AS (
    UPDATE workflows SET cancel_requested_at = now(), cancel_reason = 'its deadline has passed'
    WHERE id = ANY(ARRAY(SELECT id FROM overdue)) AND cancel_requested_at IS NULL
)
SELECT id FROM overdue
