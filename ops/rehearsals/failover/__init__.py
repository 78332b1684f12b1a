"""The failover of Redis and of PostgreSQL under load: what was lost, and how long it took.

python -m aeon_jobs.ops.rehearsals.failover        all; or the names of some

redis_group     a master, a replica and three sentinels
postgres_pair   a primary and a streaming standby
load            producers and workers, and what became of their jobs
handlers        the job type of the load
"""
