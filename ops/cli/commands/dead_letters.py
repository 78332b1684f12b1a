"""`aeon-jobs dlq`: dead letters, and the ways out."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeon_jobs.ops.cli.commands.jobs import DryRun, PerSecond, Reason, Yes
from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.values import json_object

if TYPE_CHECKING:
    from aeon_jobs.api.contract import DeadLetterFilter

app = CommandGroup(help="Dead letters: jobs that somebody has to look at.")

LetterId = Annotated[int, typer.Argument(metavar="LETTER", min=1, max=2**63 - 1, help="Number of the dead letter.")]
LetterIds = Annotated[
    list[int] | None,
    typer.Argument(metavar="LETTER…", min=1, max=2**63 - 1, help="Numbers of dead letters; or name some by options."),
]
OfType = Annotated[str | None, typer.Option("--type", help="Job type.")]
Queue = Annotated[str | None, typer.Option(help="Queue.")]
Error = Annotated[str | None, typer.Option("--error", metavar="CLASS", help="Class of the error.")]
Fingerprint = Annotated[str | None, typer.Option(help="Failures of one cause; see dlq list --causes.")]
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


Because = Annotated[Cause | None, typer.Option("--because", help="Why it became one.")]


@app.command("list")
def list_letters(
    desk: Desk,
    type_: OfType = None,
    queue: Queue = None,
    because: Because = None,
    error: Error = None,
    fingerprint: Fingerprint = None,
    state: Annotated[State, typer.Option(help="Which.")] = State.OPEN,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on after an earlier list.")] = None,
    causes: Annotated[bool, typer.Option("--causes", help="Open ones by cause, the most frequent first.")] = False,
) -> None:
    """List dead letters, newest first."""
    from aeon_jobs.ops.cli.output import formatters

    if causes:
        desk.screen.show(desk.backend.dead_letter_causes(limit), formatters.causes)
        return
    which = _filter(type_, queue, because, error, fingerprint)
    page = desk.backend.dead_letter_page(which, status=state.value, limit=limit, cursor=cursor)
    desk.screen.show(page, lambda page: formatters.letter_list(page.items))
    if page.next_cursor and not desk.screen.as_json:
        desk.screen.say(f"more: --cursor {page.next_cursor}", "dim")


@app.command()
def show(desk: Desk, letter: LetterId) -> None:
    """A dead letter with payload, traceback and every attempt of its job."""
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(desk.backend.dead_letter(letter), formatters.letter)


@app.command()
def requeue(
    desk: Desk,
    letters: LetterIds = None,
    type_: OfType = None,
    queue: Queue = None,
    because: Because = None,
    error: Error = None,
    fingerprint: Fingerprint = None,
    everything: All = False,
    reason: Reason = None,
    per_second: PerSecond = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Give their jobs a new life, history kept."""
    from aeon_jobs.ops.cli.commands import bulk

    which = _filter(type_, queue, because, error, fingerprint)
    bulk.refuse_both(letters, which, everything=everything)
    if letters and per_second:
        raise InvalidInput("--per-second: goes with options such as --type, or with --all")
    if letters:
        _each(
            desk, letters, dry_run, "requeued", lambda number: desk.backend.requeue_dead_letter(number, reason=reason)
        )
        return
    change = bulk.Bulk("Requeue", "dead letters", desk.backend.requeue_dead_letters, per_second)
    bulk.run(desk, change, which, reason=reason, dry_run=dry_run, yes=yes)


@app.command()
def discard(
    desk: Desk,
    letters: LetterIds = None,
    type_: OfType = None,
    queue: Queue = None,
    because: Because = None,
    error: Error = None,
    fingerprint: Fingerprint = None,
    everything: All = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Close them without another try; their jobs stay failed."""
    from aeon_jobs.ops.cli.commands import bulk

    which = _filter(type_, queue, because, error, fingerprint)
    bulk.refuse_both(letters, which, everything=everything)
    if letters:
        _each(
            desk, letters, dry_run, "discarded", lambda number: desk.backend.discard_dead_letter(number, reason=reason)
        )
        return
    change = bulk.Bulk("Discard", "dead letters", desk.backend.discard_dead_letters)
    bulk.run(desk, change, which, reason=reason, dry_run=dry_run, yes=yes)


@app.command()
def edit(
    desk: Desk,
    letter: LetterId,
    payload: Annotated[
        str | None, typer.Option(help="JSON, @file, or - for stdin; without it, your editor opens the old one.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Requeue with another payload."""
    edited = json_object(payload) if payload is not None else _edited(desk.backend.dead_letter(letter).payload or {})
    job = desk.backend.requeue_dead_letter(letter, payload=edited, reason=reason)
    desk.screen.show(job, lambda job: f"{job.job_id} requeued")


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


def _each(desk: Desk, letters: list[int], dry_run: bool, word: str, change: Callable[[int], object]) -> None:
    """One after the other; the first that cannot be changed ends it."""
    with desk.screen.progress(f"{word} dead letters", len(letters)) as advance:
        for number in letters:
            _ = desk.backend.dead_letter(number) if dry_run else change(number)
            advance(1)
    would = "would be " if dry_run else ""
    result = {"dry_run": dry_run, "changed": 0 if dry_run else len(letters), "letters": letters}
    desk.screen.show(result, lambda _: f"{len(letters)} {would}{word}")


def _edited(payload: dict[str, Any]) -> dict[str, Any]:
    """What the person made of it in their editor. The file is theirs alone, and gone afterwards.

    Raises:
        InvalidInput: there is no editor, it failed, nothing was changed, or what is left is no JSON object.
    """
    before = json.dumps(payload, indent=2, ensure_ascii=False)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise InvalidInput("EDITOR: is not set; or give --payload")
    with tempfile.TemporaryDirectory(prefix="aeon-jobs-") as directory:
        file = Path(directory) / "payload.json"
        file.write_text(before + "\n")
        try:
            done = subprocess.run([*shlex.split(editor), str(file)], check=False)  # noqa: S603 - their own editor
        except OSError as error:
            raise InvalidInput(f"EDITOR: cannot be started ({error.strerror})") from None
        after = file.read_text()
    if done.returncode or after.strip() == before.strip():
        raise InvalidInput("payload: was not changed; nothing was done")
    return json_object(after)
