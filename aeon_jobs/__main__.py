"""`python -m aeon_jobs` is `aeon-jobs`."""

from aeon_jobs.ops.cli import main

main()
