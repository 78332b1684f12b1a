DROP TABLE job_dashboard_sessions;
