"""`python -m aeon_jobs` is `aeon-jobs`."""

from aeon_jobs.ops.entry_point import main

if __name__ == "__main__":
    main()
