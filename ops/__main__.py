"""`python -m ops` is `aeon-jobs`."""

from ops.cli import main

main()
