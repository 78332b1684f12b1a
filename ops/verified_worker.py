"""The worker of `aeon-jobs up`. It imports the user's modules once, to report a fault in them; then it becomes a worker group.

    python -m aeon_jobs.ops.verified_worker MODULE…

Dramatiq imports them in each of its processes. So it would report one fault several times, and with its own frames.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from aeon_jobs.ops.programs import IMPORT_FAILED


def verify(modules: Sequence[str]) -> int:
    """Import the modules in a child process; its exit status. This process does not import them: they may start anything."""
    child = os.fork()
    if child == 0:
        os._exit(_import_all(modules))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _import_all(modules: Sequence[str]) -> int:
    sys.path.insert(0, os.getcwd())  # as dramatiq does
    for module in modules:
        try:
            import_module(module)
        except BaseException as error:  # noqa: BLE001 - a module can raise anything, SystemExit too
            print(f"{module} cannot be imported:", *_without_our_frames(error), sep="\n", file=sys.stderr, flush=True)
            return IMPORT_FAILED
    return 0


def _without_our_frames(error: BaseException) -> list[str]:
    trace = error.__traceback__
    while trace and (trace.tb_frame.f_code.co_filename == __file__ or "importlib" in trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip().split("\n")


def main() -> None:
    modules = sys.argv[1:]
    if status := verify(modules):
        sys.exit(status)
    from aeon_jobs.ops import process, worker
    from aeon_jobs.persistence.core.settings import get_settings

    process.become(worker.command(get_settings(), modules))


if __name__ == "__main__":
    main()
