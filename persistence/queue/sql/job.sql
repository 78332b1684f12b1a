-- A job with all its columns.
SELECT *, metadata AS meta FROM jobs WHERE id = :id
