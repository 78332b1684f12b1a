-- Take jobs out of the archive, with what belongs to them.
SELECT bring_back_jobs(CAST(:ids AS uuid[]))
