SELECT expire_jobs()
