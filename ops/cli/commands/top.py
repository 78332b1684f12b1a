"""`aeon-jobs top`: the whole system on one screen, for those on a server."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import classify
from aeon_jobs.ops.cli.output.console import write_json
from aeon_jobs.ops.cli.output.values import clean

if TYPE_CHECKING:
    from aeon_jobs.ops.cli.output.formatters.overview import Overview

FAILURES, RUNNING = 5, 200


def top(
    context: Context,
    interval: Annotated[float, typer.Option(min=0.2, max=3_600, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
) -> None:
    """Show what goes on: throughput, waits, queues, workers, failures. q or Ctrl-C ends it.

    With --json: one line for each look.
    """
    with suppress(KeyboardInterrupt):
        first = _look(context)
        if once:
            _print(context, first)
        elif context.output.as_json or not context.output.console.is_terminal:
            _print_all(context, first, interval)
        else:
            _draw_all(context, first, interval)


def _look(context: Context) -> Overview:
    from aeon_jobs.api.contract import JobFilter
    from aeon_jobs.ops.cli.output.formatters.overview import Overview

    jobs = context.jobs
    return Overview(
        metrics=jobs.metrics(),
        history=jobs.history("5m"),
        queues=jobs.queues(),
        workers=jobs.workers(),
        running=jobs.page(JobFilter(status=("running",)), limit=RUNNING).items,
        failures=jobs.dead_letter_page(limit=FAILURES).items,
    )


def _print(context: Context, found: Overview) -> None:
    from aeon_jobs.ops.cli.output import formatters

    if context.output.as_json:
        write_json(found, indent=None)
    else:
        context.output.show(found, formatters.overview)


def _print_all(context: Context, found: Overview, interval: float) -> None:
    """To a file or a pipe: one look below the other."""
    while True:
        _print(context, found)
        time.sleep(interval)
        found = _look(context)


def _draw_all(context: Context, found: Overview, interval: float) -> None:
    """On the whole screen, until q. When the server does not answer, the last look stays."""
    with _key_pressed() as wait, Live(console=context.output.console, screen=True, auto_refresh=False) as live:
        trouble = ""
        while True:
            live.update(_screen(found, interval, trouble), refresh=True)
            if wait(interval) in {"q", "Q"}:
                return
            try:
                found, trouble = _look(context), ""
            except Exception as fault:
                known = classify(fault)
                if known is None:
                    raise
                trouble = known[1]


def _screen(found: Overview, interval: float, trouble: str) -> RenderableType:
    from aeon_jobs.ops.cli.output import formatters

    head = Text(f"aeon-jobs  {time.strftime('%H:%M:%S')}  every {interval:g} s  q: quit\n", "dim")
    warning = [Text(f"this is old: {clean(trouble)}\n", "red")] if trouble else []
    return Group(head, *warning, formatters.overview(found))


@contextmanager
def _key_pressed() -> Iterator[Callable[[float], str]]:
    """A function that waits so many seconds for a key, and returns it; empty if none came. Without a terminal none comes."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    import select
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    fd = sys.stdin.fileno()
    try:
        yield lambda seconds: os.read(fd, 1).decode(errors="ignore") if select.select([fd], [], [], seconds)[0] else ""
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""
