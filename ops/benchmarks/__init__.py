"""`make bench`: the service levels of the specification, measured on embedded servers in a temporary directory.

    figure      one number, the floor it must meet, whether it does
    report      figures as a table and as JSON
    machine     what the figures were measured on
    scale       how many jobs, requests and seconds: all, or --quick
    system      durable PostgreSQL and Redis, an empty database, another with a million jobs
    program     a process group: start, kill, and its CPU and memory
    handlers    the job types that are measured
    backlog     jobs in bulk, inserted directly into the table
    database, enqueue, drain, latency, http_api, memory, recovery    one measurement each

Nothing is mocked and nothing is tuned: fsync is on, every setting is the default. docs/performance.md has the figures.
"""
