"""Changes of many things: count them, ask, change them in portions with a progress bar, show what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import typer

from aeon_jobs.api.contract import BatchAnswer, BatchItem, BulkAction, BulkCount, DeadLetterFilter, JobFilter
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.input.prompts import confirm
from aeon_jobs.ops.cli.output import formatters

PORTION = 500
"""Jobs of one transaction: few enough that nobody waits long for their locks."""

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
    """Start so many jobs per second; `change` then takes `per_second` and `delay_ms` as well."""
    still_matches: bool = False
    """What was changed matches the filter as before."""

    def pace(self, done: int) -> dict[str, float]:
        """For a portion that comes after `done` others."""
        if self.per_second is None:
            return {}
        return {"per_second": self.per_second, "delay_ms": int(done * 1_000 / self.per_second)}


def require_one_of(
    ids: Sequence[object] | None, which: JobFilter | DeadLetterFilter, *, everything: bool = False
) -> None:
    """
    Raises:
        InvalidInput: there are neither ids nor conditions, or both.
    """
    if bool(ids) == (which not in (JobFilter(), DeadLetterFilter()) or everything):
        raise InvalidInput("say which: either ids, or options such as --type")


def run(context: Context, bulk: Bulk, target: Target, *, reason: str | None, dry_run: bool, yes: bool) -> None:
    """Change everything that `target` names, and show the outcomes. The exit code is 3 or 4 when an id was not found,
    or its state does not allow the change."""
    if dry_run:
        context.output.show(bulk.change(target, dry_run=True), formatters.batch)
        return
    if isinstance(target, JobFilter | DeadLetterFilter):
        context.output.show(_by_filter(context, bulk, target, reason, yes), formatters.batch)
        return
    answer = _in_portions(context, bulk, list(target), reason)
    context.output.show(answer, formatters.batch)
    _exit_of_ids(answer)


def in_background(
    context: Context,
    action: BulkAction,
    target: JobFilter | DeadLetterFilter | Sequence[object],
    *,
    reason: str | None,
    dry_run: bool,
    yes: bool,
    **options: Any,
) -> None:
    """Begin a bulk change, and show it; `options` are those of `JobsApi.start_bulk_change`."""
    if not isinstance(target, JobFilter | DeadLetterFilter):
        raise InvalidInput("--background: goes with options such as --type, not with ids")
    given = {name: value for name, value in options.items() if value is not None}
    if dry_run or not yes:
        count = context.jobs.count_bulk_change(action, target, **given)
        if dry_run:
            context.output.show(count, lambda found: f"{_number(found)} would be changed")
            return
        confirm(f"{action.capitalize()} {_number(count)}?")
    begun = context.jobs.start_bulk_change(action, target, reason=reason, **given)
    context.output.show(begun, formatters.bulk_change)


def _number(count: BulkCount) -> str:
    return f"{'more than ' if count.is_capped else ''}{count.matched:,} job{'' if count.matched == 1 else 's'}"


def _by_filter(
    context: Context, bulk: Bulk, which: JobFilter | DeadLetterFilter, reason: str | None, yes: bool
) -> BatchAnswer:
    """In rounds, the oldest first, until nothing new matches. A job that was asked to stop may match again."""
    items: list[BatchItem] = []
    seen: set[UUID] = set()
    began = datetime.now(UTC)
    while True:
        foretold = bulk.change(which, dry_run=True)
        ids = [item.job_id for item in foretold.items if item.outcome in _CHANGED and item.job_id not in seen]
        _ask(bulk, len(ids), more=foretold.more, yes=yes or bool(seen))
        items += _in_portions(context, bulk, ids, reason, done=len(seen)).items
        seen.update(ids)
        if not ids or not foretold.more:
            return _answer(items, more=foretold.more)
        if bulk.still_matches and isinstance(which, JobFilter):
            which = replace(which, updated_before=began)


def _ask(bulk: Bulk, count: int, *, more: bool, yes: bool) -> None:
    if count and not yes:
        number = f"at least {count}" if more else str(count)
        confirm(f"{bulk.verb} {number} {bulk.noun}?")


def _in_portions(context: Context, bulk: Bulk, ids: Sequence[UUID], reason: str | None, done: int = 0) -> BatchAnswer:
    items: list[BatchItem] = []
    with context.output.progress(f"{bulk.verb} {bulk.noun}", len(ids)) as advance:
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
