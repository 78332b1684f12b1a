-- Lines that a job's handler logged, after a position, in their order.
SELECT attempt, line, logged_at, level, message FROM job_logs
WHERE job_id = :id AND (attempt, line) > (:after_attempt, :after_line)
  AND (CAST(:attempt AS integer) IS NULL OR attempt = :attempt)
ORDER BY job_id, attempt, line LIMIT :limit
