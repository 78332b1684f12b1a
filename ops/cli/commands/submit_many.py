"""`aeon-jobs submit --many`: the jobs of a file.

1. Read the whole file: JSON Lines, or one JSON array. Each entry keeps its number. The options give what it leaves out.
2. Check every entry. If any has a fault, all faults are shown by line and field, and nothing is stored.
3. Submit in batches of at most 10,000 jobs and 16 MiB. Of a batch all is stored, or nothing.
4. Some rules need the database: does a job to depend on exist? The first batch that breaks one is the last. What is stored
   is always the beginning of the file, so the rest can be submitted from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import typer

from aeon_jobs.api.client.errors import InvalidRequest
from aeon_jobs.api.contract import NewJob, Submitted
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import Exit
from aeon_jobs.ops.cli.input.job_files import Entry, Fault, JobFile
from aeon_jobs.ops.cli.output.console import error
from aeon_jobs.persistence.core.errors import InvalidJob

BATCH_JOBS = 10_000
BATCH_BYTES = 8 << 20
MOST_SHOWN = 100
_PLACE = re.compile(r"(?:jobs)?\[(\d+)\]\.?(.*)", re.DOTALL)


@dataclass(slots=True)
class Result:
    unit: str = "line"
    """What the numbers count: lines of a file, or items of an array."""
    jobs: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    last: int = 0
    """Number of the last entry that is stored."""
    is_whole: bool = False
    """Everything was submitted."""

    def add(self, entries: Iterable[Entry], stored: Iterable[Submitted]) -> None:
        for entry, job in zip(entries, stored, strict=True):
            self.jobs.append({self.unit: entry.number, **{f.name: getattr(job, f.name) for f in fields(job)}})
            self.last = entry.number


def submit_file(context: Context, path: str, shared: NewJob) -> None:
    """Submit the jobs of a file, or of stdin (``-``). `shared` gives what an entry leaves out.

    Raises:
        InvalidInput: the file cannot be read.
        typer.Exit: an entry has a fault.
    """
    result = Result()
    try:
        with JobFile(path, shared) as file:
            result.unit = file.unit
            _check(context, file, result)
            if not result.faults:
                _submit(context, file, result)
    except BaseException:
        # Ctrl-C, or the server went away: what is stored stays stored.
        if result.jobs:
            _show(context, result, "the next batch may be stored, too")
        raise
    _show(context, result, "nothing after it")
    if result.faults:
        raise typer.Exit(Exit.INVALID_INPUT)


def _check(context: Context, file: JobFile, result: Result) -> None:
    job_types = {found.name: found for found in context.jobs.job_types()}
    with context.output.progress("Check jobs", None) as advance:
        for entry in file.entries():
            result.faults += entry.faults(job_types)
            advance(1)


def _submit(context: Context, file: JobFile, result: Result) -> None:
    with context.output.progress("Submit jobs", None) as advance:
        for batch in _batches(file.entries()):
            try:
                stored = context.jobs.submit_many([entry.job() for entry in batch])
            except InvalidJob as refused:
                result.faults = _placed(batch, [(violation.field, violation.rule) for violation in refused.violations])
                return
            except InvalidRequest as refused:
                result.faults = _placed(batch, refused.errors or [("", str(refused))])
                return
            result.add(batch, stored)
            advance(len(batch))
    result.is_whole = True


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += entry.size
        if len(batch) >= BATCH_JOBS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _placed(batch: list[Entry], violations: Iterable[tuple[str, str]]) -> list[Fault]:
    """``jobs[17].payload.to`` is in the 18th job of the batch. Without a place it is the first."""
    faults = []
    for path, rule in violations:
        found = _PLACE.fullmatch(path)
        number = batch[int(found[1])].number if found else batch[0].number
        faults.append(Fault(number, found[2] if found else path, rule))
    return faults


def _show(context: Context, result: Result, rest: str) -> None:
    for fault in result.faults[:MOST_SHOWN]:
        error(": ".join(part for part in (f"{result.unit} {fault.number}", fault.field, fault.rule) if part))
    if (hidden := len(result.faults) - MOST_SHOWN) > 0:
        error(f"{hidden} more; --json shows all")
    faults = [{result.unit: fault.number, "field": fault.field, "rule": fault.rule} for fault in result.faults]
    context.output.show({"jobs": result.jobs, "errors": faults}, lambda _: _sentence(result, rest))


def _sentence(result: Result, rest: str) -> str:
    count, known = len(result.jobs), sum(not job["is_new"] for job in result.jobs)
    words = f"{count} job{'' if count == 1 else 's'} submitted"
    if known:
        words += f", {known} of them existed already"
    return words if result.is_whole or not count else f"{words}: up to {result.unit} {result.last}; {rest}"
