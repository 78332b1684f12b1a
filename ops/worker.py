"""The worker process group: dramatiq's own command line, given our settings, and from its first line on our logs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from aeon_jobs.persistence.core.settings import Settings, get_settings

_PROGRAM = (sys.executable, "-P", "-m", "aeon_jobs.ops.worker")


def become(settings: Settings, modules: Sequence[str]) -> NoReturn:
    """Replace this process by dramatiq's master, which forks the workers.

    Replaced, not imported: a parent that has imported the actors would share its broker's id with every fork.
    """
    os.execv(sys.executable, command(settings, modules))  # noqa: S606 - no shell is wanted


def command(settings: Settings, modules: Sequence[str]) -> list[str]:
    return [
        *_PROGRAM,
        *("aeon_jobs.actors", *modules),
        *("--processes", str(settings.worker_processes)),
        *("--threads", str(settings.worker_concurrency)),
        *("--worker-shutdown-timeout", str(settings.worker_shutdown_timeout)),
    ]


def main() -> int:
    """dramatiq's master: it logs before any module of ours is imported, through whatever handler there is."""
    from dramatiq import cli

    from aeon_jobs.middleware.execution.logging import configure_logging

    configure_logging(get_settings(), "worker")
    arguments = cli.make_argument_parser().parse_args()  # type: ignore[no-untyped-call]
    # What a SIGHUP executes: this command again.
    sys.argv[:] = [*_PROGRAM, *sys.argv[1:]]
    status: int = cli.main(arguments)  # type: ignore[no-untyped-call]
    return status


if __name__ == "__main__":
    sys.exit(main())
