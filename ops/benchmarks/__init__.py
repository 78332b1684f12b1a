"""`make bench`: the service levels of the specification, measured on servers of our own in a temporary directory.

    figure      one number, the floor it must keep, whether it does
    report      figures as a table and as JSON
    machine     what the figures were measured on
    scale       how much of everything: the whole, or --quick
    system        durable PostgreSQL and Redis, an empty database, another with a million jobs
    program     a process group of ours: start, kill, and what it costs in CPU and memory
    handlers    the job types that are measured
    crowd       jobs in bulk, straight into the table
    database, enqueue, drain, latency, http_api, memory, recovery    one measurement each

Nothing is mocked and nothing is tuned: fsync is on, every setting is the default. docs/performance.md has the figures.
"""
