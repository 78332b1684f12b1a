"""The truth: PostgreSQL, and every verb that changes it.

Imports nothing of this project's other packages. Knows no dramatiq and no HTTP; `hints` alone speaks to Redis, best effort.

    settings     the environment, read once          errors      the tree of everything that can go wrong
    database     pool, transactions, named SQL       migrate     versioned SQL, up / down / status
    models       SQLModel mirrors of the tables      states      pure transitions: backoff, classification, next state
    jobs, dispatch, executions, dead_letters, schedules, workers, job_types, stats: one module per noun, one function per verb
"""
