"""Measurements of the whole system at work, with a dispatcher and workers.

queue             jobs that wait while the queue is paused, and the drain that follows
curves            throughput by backlog, processes, payload; latency by rate
limits            what limits of job types cost, and how fair they are
pending           a look for ready jobs and a dispatch with few and with a million pending jobs
wal               bytes of write-ahead log per job
utilisation       how busy threads are with short jobs
readers           dispatch and latency while long transactions pin snapshots
service_levels    the load tests of the specification: sustained load, a burst, 5 workers
"""
