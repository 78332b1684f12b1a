-- The trace contexts of jobs, of those that have one.
SELECT id, traceparent, tracestate FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) AND traceparent IS NOT NULL
