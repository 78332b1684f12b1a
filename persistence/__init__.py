"""PostgreSQL, and every verb that changes it.

Imports nothing of this project's other packages. Knows no dramatiq and no HTTP. Only `hints` uses Redis, best effort.

    core     settings (the environment, read once), database (pool, transactions, named SQL), errors, models, payloads, migrate
    queue    the state machine: submit, dispatch, claim and record, dead letters, workers, job types; states is pure
    schedules  rules by which jobs are submitted: due times, policies, runs
    reads    lists, statistics, explanations
    metrics  what Prometheus is shown
    admin    API keys, the audit log, repeated requests, changes to many jobs at once
    hints    best-effort signals through Redis

The SQL of a module is beside it: ``run(connection, "queue/cancel")`` is queue/sql/cancel.sql.
"""
