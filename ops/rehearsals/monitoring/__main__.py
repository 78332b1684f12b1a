"""python -m aeon_jobs.ops.rehearsals.monitoring [--pictures]"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from aeon_jobs.ops.rehearsals.monitoring.run import run
from aeon_jobs.persistence.core.errors import JobsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="make rehearse-monitoring", description="Rehearse monitoring.")
    parser.add_argument("--pictures", action="store_true", help="draw each panel into docs/operations/pictures")
    options = parser.parse_args()
    try:
        return 0 if run(Console(width=140, highlight=False), pictures=options.pictures) else 1
    except JobsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
