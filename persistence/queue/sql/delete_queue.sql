-- Forget the settings of a queue that nothing uses.
DELETE FROM job_queues WHERE name = :name
