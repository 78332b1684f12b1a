-- Those of some job types that are registered.
SELECT *, coalesce(limits_override, limits) AS limits_in_force FROM job_types WHERE name = ANY(:names)
