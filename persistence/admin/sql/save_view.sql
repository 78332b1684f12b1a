-- One of that name is replaced. Nobody has more than :most.
INSERT INTO job_dashboard_views (owner, name, query)
SELECT :owner, :name, :query
WHERE (SELECT count(*) FROM job_dashboard_views WHERE owner = :owner AND name <> :name) < :most
ON CONFLICT (owner, name) DO UPDATE SET query = excluded.query
