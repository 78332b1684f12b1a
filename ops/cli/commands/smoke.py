"""`aeon-jobs smoke`: does this deployment run jobs?"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.environment import settings
from aeon_jobs.ops.cli.exit_codes import Exit
from aeon_jobs.ops.cli.output.console import write_json
from aeon_jobs.ops.cli.output.values import cell, clean

if TYPE_CHECKING:
    from aeon_jobs.ops.smoke import Target
    from aeon_jobs.ops.smoke.runner import Result


def smoke(context: Context) -> None:
    """Run one job and look at every process. Takes less than a minute. Exit code 1 when a check fails."""
    from aeon_jobs.ops.smoke import run_checks

    began, results = time.monotonic(), []
    for result in run_checks(_target(context)):
        results.append(result)
        if not context.output.as_json:
            context.output.console.print(_line(result), soft_wrap=True)
    passed, seconds = all(result.status != "error" for result in results), round(time.monotonic() - began, 1)
    if context.output.as_json:
        write_json({"passed": passed, "seconds": seconds, "checks": results})
    else:
        context.output.say(f"the smoke test {'passed' if passed else 'FAILED'} in {seconds} s")
    if not passed:
        raise typer.Exit(Exit.FAILED)


def _target(context: Context) -> Target:
    from aeon_jobs.ops.smoke import Target

    if not context.address:
        return Target(context.jobs, settings())
    from aeon_jobs.api.client.messages import key_from

    return Target(context.jobs, address=context.address, key=key_from(os.environ))


def _line(result: Result) -> Text:
    line = Text.assemble(cell(result.status), " " * (9 - len(result.status)), f"{clean(result.name):<16}")
    line.append(f"{result.seconds:6.2f} s  {clean(result.detail)}")
    if result.remedy:
        line.append(f"\n{'':9}→ {clean(result.remedy)}", "bold")
    return line
