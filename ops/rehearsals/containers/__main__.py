"""python -m aeon_jobs.ops.rehearsals.containers"""

from __future__ import annotations

import subprocess
import sys

from aeon_jobs.ops.rehearsals.containers.report import Failed
from aeon_jobs.ops.rehearsals.containers.run import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, subprocess.CalledProcessError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
