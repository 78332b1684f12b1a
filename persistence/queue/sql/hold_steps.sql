-- Block steps by their holds. What nothing else blocks is decided at once, by the trigger jobs_reach_hold.
UPDATE jobs SET blocked_by = blocked_by + 1 WHERE id = ANY(CAST(:ids AS uuid[])) AND status = 'pending'
