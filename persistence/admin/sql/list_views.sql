SELECT name, query FROM job_dashboard_views WHERE owner = :owner ORDER BY name
