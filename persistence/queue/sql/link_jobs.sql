-- Make jobs wait for others, many at once.
SELECT link_jobs(CAST(:children AS uuid[]), CAST(:parents AS uuid[]), CAST(:policies AS text[]))
