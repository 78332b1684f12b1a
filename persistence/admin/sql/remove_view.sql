DELETE FROM job_dashboard_views WHERE owner = :owner AND name = :name
