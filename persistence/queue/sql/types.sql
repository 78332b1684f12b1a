-- All registered job types, by name.
SELECT *, coalesce(limits_override, limits) AS limits_in_force FROM job_types ORDER BY name
