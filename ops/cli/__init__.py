"""The command line: `aeon-jobs`, or `python -m aeon_jobs`.

    app          the tree of commands, and the entry point
    commands     what every command has: --json, and --api where it talks to somebody
    desk         what a command works with: the backend behind it, the screen before it
    backend      what commands ask for; `database` and `api.client` answer it
    exits        exit codes, and which error means which
    screen       tables for people, JSON for programs
    inputs       payloads, moments, durations, key=value
    one module per noun: jobs, watch, dlq, schedules, queues, keys, migrate, doctor, processes

Modules that commands work with are imported inside them, so that --help is quick and no command loads another's machinery.
"""

from aeon_jobs.ops.cli.app import app, main

__all__ = ["app", "main"]
