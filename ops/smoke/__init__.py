"""`aeon-jobs smoke`: does this deployment run jobs? One job, and a look at every process, in less than a minute.

    checks    what is looked at, one function each
    runner    runs them in order, each within its time
    target    where: a database and a Redis, or an API

`doctor` looks for causes; this one says yes or no.
"""

from aeon_jobs.ops.smoke.runner import run_checks
from aeon_jobs.ops.smoke.target import Target

__all__ = ["Target", "run_checks"]
