DELETE FROM job_schedules WHERE id = :id
