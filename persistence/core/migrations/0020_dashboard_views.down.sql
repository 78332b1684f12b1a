DROP TABLE job_dashboard_views;
