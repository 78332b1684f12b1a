"""Where `aeon-jobs` and `python -m aeon_jobs` begin: without an extra that they need they name it, and no traceback."""

from __future__ import annotations

import sys

from aeon_jobs.ops import extras


def main() -> None:
    try:
        if sys.argv[1:] == ["health"]:  # every 30 s in every container: half of its time would be the command line's
            from aeon_jobs.ops import health

            health.main()
        if complaint := extras.missing(sys.argv[1:]):
            _refuse(complaint)
        from aeon_jobs.ops.cli import main as command_line

        command_line()
    except ModuleNotFoundError as error:
        extra = extras.that_brings(error.name or "")
        if extra is None:
            raise
        _refuse(extras.sentence("this command", extra))
    except KeyboardInterrupt:  # while modules are imported: commands have their own way to end
        sys.exit(130)


def _refuse(complaint: str) -> None:
    print(f"error: {complaint}", file=sys.stderr)
    sys.exit(2)
