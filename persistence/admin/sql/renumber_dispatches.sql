-- Jobs that are not over: nothing of them is on its way, and messages of before or after the backup are void.
UPDATE jobs SET
    status = 'pending', queued_at = NULL, dispatch_seq = dispatch_seq + 1000000
WHERE status IN ('pending', 'queued')
