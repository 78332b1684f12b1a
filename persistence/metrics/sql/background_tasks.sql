-- When each background task last did its work, in Unix time; 0: never.
SELECT name, coalesce(extract(epoch FROM last_success_at), 0)::double precision AS last_success
FROM job_background_tasks ORDER BY name
