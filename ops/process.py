"""A process of the system, without the command line that it was started with: that is 8 MB, and nothing uses it again.

python -m aeon_jobs.ops.process dispatcher
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

WITHOUT_FOREIGN_CODE = {"dispatcher", "scheduler"}


def command(name: str, *arguments: str) -> list[str]:
    """What starts the process of `aeon_jobs.ops.<name>`."""
    return [sys.executable, "-P", "-m", "aeon_jobs.ops.process", name, *arguments]


def import_lean() -> None:
    """Load redis-py and structlog without what they load where it is installed: metrics of OpenTelemetry, tracebacks of rich.
    These are 6 MB that nothing of ours uses."""
    unused = ("opentelemetry.sdk.metrics", "rich")
    for name in unused:
        sys.modules[name] = None  # type: ignore[assignment]  # whoever imports it hears that it is missing
    for name in ("redis", "structlog"):
        import_module(name)
    for name in unused:
        del sys.modules[name]


def become(argv: list[str]) -> NoReturn:
    """Replace this process."""
    os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted


def main() -> None:
    name = sys.argv.pop(1)
    try:
        if name in WITHOUT_FOREIGN_CODE:
            import_lean()
        import_module(f"aeon_jobs.ops.{name}").main()
    except KeyboardInterrupt:  # while modules are imported: then each process has its own way to end
        sys.exit(130)


if __name__ == "__main__":
    main()
