"""The worker process group: dramatiq's own command line, given our settings (see `ops.worker_group`)."""

from __future__ import annotations

from collections.abc import Sequence

from aeon_jobs.ops import process
from aeon_jobs.persistence.core.settings import Settings


def command(settings: Settings, modules: Sequence[str]) -> list[str]:
    """What starts it."""
    return process.command(
        "worker_group",
        *("aeon_jobs.actors", *modules),
        *("--processes", str(settings.worker_processes)),
        *("--threads", str(settings.worker_concurrency)),
        *("--worker-shutdown-timeout", str(settings.worker_shutdown_timeout)),
    )
