"""Changes to many at once: look, ask, change in portions with a bar, tell what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import typer

from aeon_jobs.api.contract import BatchAnswer, BatchItem, DeadLetterFilter, JobFilter
from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.input.prompts import confirm
from aeon_jobs.ops.cli.output import formatters

PORTION = 500
"""Jobs of one transaction: few enough that nobody waits for their locks."""

_CHANGED = frozenset({"done", "requested"})
Target = JobFilter | DeadLetterFilter | Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Bulk:
    verb: str
    """As in: Cancel 3 jobs?"""
    noun: str
    change: Callable[..., BatchAnswer]
    """Called with a target, and `dry_run`, `reason`."""
    per_second: float | None = None
    """Spread what is changed over time; `change` then takes `per_second` and `delay_ms` as well."""

    def pace(self, done: int) -> dict[str, float]:
        """For a portion that follows `done` others."""
        if self.per_second is None:
            return {}
        return {"per_second": self.per_second, "delay_ms": int(done * 1_000 / self.per_second)}


def refuse_both(ids: Sequence[object] | None, which: JobFilter | DeadLetterFilter, *, everything: bool = False) -> None:
    """
    Raises:
        InvalidInput: neither ids nor a condition, or both.
    """
    if bool(ids) == (which != type(which)() or everything):
        raise InvalidInput("say which: either ids, or options such as --type")


def run(desk: Desk, bulk: Bulk, target: Target, *, reason: str | None, dry_run: bool, yes: bool) -> None:
    """Change what `target` means, and show what became of each. Exit code 3 or 4 when an id that was given was not
    found, or in another state."""
    if dry_run:
        desk.screen.show(bulk.change(target, dry_run=True), formatters.batch)
        return
    if isinstance(target, JobFilter | DeadLetterFilter):
        desk.screen.show(_by_filter(desk, bulk, target, reason, yes), formatters.batch)
        return
    answer = _in_portions(desk, bulk, list(target), reason)
    desk.screen.show(answer, formatters.batch)
    _exit_of_ids(answer)


def _by_filter(
    desk: Desk, bulk: Bulk, which: JobFilter | DeadLetterFilter, reason: str | None, yes: bool
) -> BatchAnswer:
    """Round by round, the oldest first, until nothing matches, or what matches is what was changed before: a job that
    was asked to stop may run on for a while."""
    items: list[BatchItem] = []
    seen: set[UUID] = set()
    while True:
        foretold = bulk.change(which, dry_run=True)
        ids = [item.job_id for item in foretold.items if item.outcome in _CHANGED and item.job_id not in seen]
        _ask(bulk, len(ids), more=foretold.more, yes=yes or bool(seen))
        items += _in_portions(desk, bulk, ids, reason, done=len(seen)).items
        seen.update(ids)
        if not ids or not foretold.more:
            return _answer(items, more=foretold.more)


def _ask(bulk: Bulk, count: int, *, more: bool, yes: bool) -> None:
    if count and not yes:
        number = f"at least {count}" if more else str(count)
        confirm(f"{bulk.verb} {number} {bulk.noun}?")


def _in_portions(desk: Desk, bulk: Bulk, ids: Sequence[UUID], reason: str | None, done: int = 0) -> BatchAnswer:
    items: list[BatchItem] = []
    with desk.screen.progress(f"{bulk.verb} {bulk.noun}", len(ids)) as advance:
        for start in range(0, len(ids), PORTION):
            items += bulk.change(ids[start : start + PORTION], reason=reason, **bulk.pace(done + start)).items
            advance(len(ids[start : start + PORTION]))
    return _answer(items)


def _answer(items: list[BatchItem], *, more: bool = False) -> BatchAnswer:
    changed = sum(item.outcome in _CHANGED for item in items)
    return BatchAnswer(dry_run=False, changed=changed, items=items, more=more)


def _exit_of_ids(answer: BatchAnswer) -> None:
    outcomes = {item.outcome for item in answer.items}
    if "not_found" in outcomes:
        raise typer.Exit(Exit.NOT_FOUND)
    if "wrong_state" in outcomes:
        raise typer.Exit(Exit.WRONG_STATE)
