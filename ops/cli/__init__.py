"""The command line: `aeon-jobs`, or `python -m aeon_jobs`.

    app          the tree of commands, and the entry point
    group        options that every command has: --json, and --api where it reads or changes something
    commands/    one module per noun: jobs, dead_letters, schedules, queues, …
    input/       what people type: payloads, times, durations, key=value; confirmation prompts
    output/      what is shown: tables and fields for people, JSON for programs
    exit_codes   exit codes, and which error gives which code

Commands import their machinery inside the function. So --help is quick, and no command loads what only another one needs.
"""

from aeon_jobs.ops.cli.app import app, main

__all__ = ["app", "main"]
