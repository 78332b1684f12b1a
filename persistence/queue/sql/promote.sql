SELECT promote_jobs()
