SELECT * FROM dispatch_jobs(CAST(:lanes AS jsonb), :after)
