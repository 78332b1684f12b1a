"""The master of a worker group: dramatiq's, after it has loaded what every worker needs.

    python -m aeon_jobs.ops.process worker_group MODULE… [options of dramatiq]

1. It imports a worker's code and the built-in job types. None of them starts a thread or opens a connection.
2. It freezes what is loaded: the garbage collector would write to it, and so copy the memory that forks share.
3. It sets the log up, so that dramatiq needs not: the first line is in our format. Forks inherit it.
4. dramatiq's master forks the workers. Each imports your modules by itself: they may start anything.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from dramatiq import cli

from aeon_jobs.ops import process
from aeon_jobs.persistence.core.settings import get_settings

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
    arguments.skip_logging = True
    # At SIGHUP the master replaces itself by this.
    sys.argv[:1] = process.command("worker_group")
    if FORKING:
        multiprocessing.set_start_method("fork")
        gc.disable()
        preload()
        cli.worker_process = _logged(cli.worker_process)
        gc.freeze()
        gc.enable()
    # Not before: in the forks, gc.freeze keeps only what is loaded.
    from aeon_jobs.middleware.execution.logging import configure_process

    configure_process(get_settings(), "worker")
    sys.exit(cli.main(arguments))  # type: ignore[no-untyped-call]


def _logged(worker_process: Callable[..., None]) -> Callable[..., None]:
    """The main function of a worker. If your module raises something, multiprocessing would print it in its own format."""

    def logged(*arguments: Any) -> None:
        try:
            worker_process(*arguments)
        except Exception:
            logging.getLogger(__name__).critical("the worker ends: nobody caught an error", exc_info=True)
            sys.exit(1)

    return logged
