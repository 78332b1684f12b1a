"""`aeon-jobs dlq`: dead letters: list, show, requeue, discard, edit."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.commands.options import (
    Archived,
    Background,
    Cursor,
    DryRun,
    OfQueue,
    OfType,
    PerSecond,
    Reason,
    Yes,
)
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.values import json_object

if TYPE_CHECKING:
    from aeon_jobs.api.contract import DeadLetterFilter

app = CommandGroup(help="Dead letters: jobs that failed for good.")

Number = Annotated[
    int,
    typer.Argument(
        metavar="NUMBER",
        min=1,
        max=2**63 - 1,
        help="Number of the dead letter.",
        autocompletion=completion.dead_letters,
    ),
]
Numbers = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="NUMBER…",
        min=1,
        max=2**63 - 1,
        help="Numbers of dead letters; or use options.",
        autocompletion=completion.dead_letters,
    ),
]
Error = Annotated[str | None, typer.Option("--error", metavar="CLASS", help="Class of the error.")]
Fingerprint = Annotated[str | None, typer.Option(help="Failures with one cause; see dlq groups.")]
All = Annotated[bool, typer.Option("--all", help="Every open dead letter.")]


class Cause(StrEnum):
    EXHAUSTED = "exhausted"
    PERMANENT = "permanent"
    INVALID_PAYLOAD = "invalid_payload"
    TIMEOUT = "timeout"
    POISON = "poison"
    UNKNOWN_TYPE = "unknown_type"
    CORRUPT = "corrupt"


class State(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    ALL = "all"


Because = Annotated[Cause | None, typer.Option("--because", help="Why the job failed for good.")]


@app.command("list")
def list_dead_letters(
    context: Context,
    type_: OfType = None,
    queue: OfQueue = None,
    because: Because = None,
    error: Error = None,
    fingerprint: Fingerprint = None,
    state: Annotated[State, typer.Option(help="Which.")] = State.OPEN,
    archived: Archived = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Cursor = None,
) -> None:
    """List dead letters, newest first."""
    from aeon_jobs.ops.cli.output import formatters

    which = replace(_filter(type_, queue, because, error, fingerprint), archived=archived)
    page = context.jobs.dead_letter_page(which, status=state.value, limit=limit, cursor=cursor)
    context.output.show(page, lambda page: formatters.dead_letter_list(page.items))
    context.output.say_more(page.next_cursor)


class Period(StrEnum):
    H24 = "24h"
    D7 = "7d"
    D30 = "30d"


@app.command()
def groups(
    context: Context,
    period: Annotated[Period, typer.Option(help="Of the charts.")] = Period.D7,
    fingerprint: Fingerprint = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
) -> None:
    """Dead letters by cause: how many, since when, over time. dlq requeue --fingerprint runs the jobs of one again."""
    from aeon_jobs.ops.cli.output import formatters

    found = context.jobs.failure_groups(period.value, fingerprint=fingerprint, limit=limit)
    context.output.show(found, formatters.failure_groups)


@app.command()
def show(context: Context, number: Number) -> None:
    """A dead letter with payload, traceback and every attempt of its job."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.dead_letter(number), formatters.dead_letter)


@app.command()
def requeue(
    context: Context,
    numbers: Numbers = None,
    type_: OfType = None,
    queue: OfQueue = None,
    because: Because = None,
    error: Error = None,
    fingerprint: Fingerprint = None,
    everything: All = False,
    reason: Reason = None,
    per_second: PerSecond = None,
    dry_run: DryRun = False,
    background: Background = False,
    yes: Yes = False,
) -> None:
    """Run their jobs again. The history is kept."""
    from aeon_jobs.ops.cli.commands import bulk

    which = _filter(type_, queue, because, error, fingerprint)
    bulk.require_one_of(numbers, which, everything=everything)
    if numbers and per_second:
        raise InvalidInput("--per-second: goes with options such as --type, or with --all")
    if background:
        bulk.in_background(
            context, "requeue", numbers or which, reason=reason, dry_run=dry_run, yes=yes, per_second=per_second
        )
        return
    if numbers:
        work = partial(context.jobs.requeue_dead_letter, reason=reason)
        _each(context, numbers, dry_run, "requeued", work)
        return
    change = bulk.Bulk("Requeue", "dead letters", context.jobs.requeue_dead_letters, per_second)
    bulk.run(context, change, which, reason=reason, dry_run=dry_run, yes=yes)


@app.command()
def discard(
    context: Context,
    numbers: Numbers = None,
    type_: OfType = None,
    queue: OfQueue = None,
    because: Because = None,
    error: Error = None,
    fingerprint: Fingerprint = None,
    everything: All = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    background: Background = False,
    yes: Yes = False,
) -> None:
    """Close them. Their jobs stay failed."""
    from aeon_jobs.ops.cli.commands import bulk

    which = _filter(type_, queue, because, error, fingerprint)
    bulk.require_one_of(numbers, which, everything=everything)
    if background:
        bulk.in_background(context, "discard", numbers or which, reason=reason, dry_run=dry_run, yes=yes)
        return
    if numbers:
        work = partial(context.jobs.discard_dead_letter, reason=reason)
        _each(context, numbers, dry_run, "discarded", work)
        return
    change = bulk.Bulk("Discard", "dead letters", context.jobs.discard_dead_letters)
    bulk.run(context, change, which, reason=reason, dry_run=dry_run, yes=yes)


@app.command()
def edit(
    context: Context,
    number: Number,
    payload: Annotated[
        str | None, typer.Option(help="JSON, @file, or - for stdin. Without it your editor opens the old payload.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Requeue with another payload."""
    edited = json_object(payload) if payload is not None else _edited(context.jobs.dead_letter(number).payload or {})
    job = context.jobs.requeue_dead_letter(number, payload=edited, reason=reason)
    context.output.show(job, lambda job: f"{job.job_id} requeued")


def _filter(
    type_: str | None, queue: str | None, because: Cause | None, error: str | None, fingerprint: str | None
) -> DeadLetterFilter:
    from aeon_jobs.api.contract import DeadLetterFilter

    return DeadLetterFilter(
        job_type=type_,
        queue_name=queue,
        reason=because.value if because else None,
        error_type=error,
        fingerprint=fingerprint,
    )


def _each(context: Context, numbers: list[int], dry_run: bool, word: str, change: Callable[[int], object]) -> None:
    """One after the other. The first that cannot be changed ends the command."""
    with context.output.progress(f"{word} dead letters", len(numbers)) as advance:
        for number in numbers:
            _ = context.jobs.dead_letter(number) if dry_run else change(number)
            advance(1)
    would = "would be " if dry_run else ""
    result = {"dry_run": dry_run, "changed": 0 if dry_run else len(numbers), "dead_letter_ids": numbers}
    context.output.show(result, lambda _: f"{len(numbers)} {would}{word}")


def _edited(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload after it was edited. Only this user can read the file, and it is deleted afterwards.

    Raises:
        InvalidInput: there is no editor, it failed, nothing was changed, or the text is not a JSON object.
    """
    before = json.dumps(payload, indent=2, ensure_ascii=False)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise InvalidInput("EDITOR: is not set; or give --payload")
    with tempfile.TemporaryDirectory(prefix="aeon-jobs-") as directory:
        file = Path(directory) / "payload.json"
        file.write_text(before + "\n")
        try:
            done = subprocess.run([*shlex.split(editor), str(file)], check=False)  # noqa: S603 - the editor of the user
        except OSError as error:
            raise InvalidInput(f"EDITOR: cannot be started ({error.strerror})") from None
        after = file.read_text()
    if done.returncode or after.strip() == before.strip():
        raise InvalidInput("payload: was not changed; nothing is requeued")
    return json_object(after)
