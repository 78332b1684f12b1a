-- A schedule, locked: nobody else decides on its due times meanwhile.
SELECT *, metadata AS meta FROM job_schedules WHERE id = :id FOR UPDATE
