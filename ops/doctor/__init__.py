"""`aeon-jobs doctor`: is this deployment healthy, and what to do where it is not.

    runner     runs all checks in order; a server that cannot be reached is reported once, its checks are skipped
    remote     the checks that an API can answer, for `doctor --api`
    finding    what a check found: ok, warning, error or skipped, with the remedy
    context    what a check works with: settings, connections, limits
    checks/    one module per subject, one function per check
    sql/       the queries of the checks

A check only reads. It changes nothing.
"""

from aeon_jobs.ops.doctor.remote import run_remote_checks
from aeon_jobs.ops.doctor.runner import run_checks

__all__ = ["run_checks", "run_remote_checks"]
