"""The same work by aeon-jobs, raw dramatiq, procrastinate and pgqueuer, on the same servers.

    systems        the four: their adapter, their processes, their packages
    environments   a virtual environment for each rival, from requirements/*.txt
    adapter        what an adapter does
    ours, raw_dramatiq, procrastinate_tasks, pgqueuer_tasks    one adapter each
    work           the job bodies, the same for all
    producer       a process in a system's own environment that submits jobs when it is told to
    cell           one system measured once
    comparison     repetitions, medians, ratios

Adapters, `work` and `producer` run in the rival's environment, which has no package of ours: they import the standard library,
Redis's client, the rival and each other. To pin newer versions: make an environment, install the rival, `redis` and `hiredis`
(for pgqueuer also `asyncpg` and `uvloop`, for procrastinate `psycopg[binary,pool]`), and write what `pip freeze` prints.
"""
