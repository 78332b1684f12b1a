"""`aeon-jobs doctor`: is this deployment well, and what to do where it is not.

    examination    all checks in their order; what cannot be reached is found once, what depends on it is skipped
    finding        what a check found: ok, warning, error, skipped, with the remedy
    patient        what is examined: settings, connections, limits
    postgres, pooler, redis_server, clocks, environment, processes, backlog, disk    the checks, one function each
    sql            their questions

Nothing is changed: every check only looks.
"""

from aeon_jobs.ops.doctor.examination import examine

__all__ = ["examine"]
