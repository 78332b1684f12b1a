-- Filters of the list of jobs that people saved in the dashboard, by the name of their API key: a new key of that name has them too.
CREATE TABLE job_dashboard_views (
    owner varchar(255) NOT NULL,
    name varchar(60) NOT NULL,
    -- As in the address: status=failed&job_type=report
    query varchar(4000) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, name)
);
