"""The master of a worker group: dramatiq's, after it has loaded what every worker needs.

    python -m aeon_jobs.ops.process worker_group MODULE… [options of dramatiq]

1. It imports a worker's code and the built-in job types. None of them starts a thread or opens a connection.
2. It freezes what is loaded: the garbage collector would write to it, and so copy the memory that forks share.
3. dramatiq's master forks the workers. Each imports your modules by itself: they may start anything.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
from importlib import import_module

from dramatiq import cli

from aeon_jobs.ops import process

FORKING = sys.platform == "linux"
"""Elsewhere the system's own libraries may have threads, and each worker loads everything by itself."""


PRELOADED = (
    "aeon_jobs.actors",
    "aeon_jobs.middleware.stack",
    "psycopg2.extras",
    "sqlalchemy.dialects.postgresql.psycopg2",
)


def preload() -> None:
    """Load what is loaded by every worker until its first job."""
    for module in PRELOADED:
        import_module(module)


def main() -> None:
    arguments = cli.make_argument_parser().parse_args()  # type: ignore[no-untyped-call]
    # At SIGHUP the master replaces itself by this.
    sys.argv[:1] = process.command("worker_group")
    if FORKING:
        multiprocessing.set_start_method("fork")
        gc.disable()
        preload()
        gc.freeze()
        gc.enable()
    sys.exit(cli.main(arguments))  # type: ignore[no-untyped-call]
