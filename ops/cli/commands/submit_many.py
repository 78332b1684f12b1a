"""`aeon-jobs submit --many`: every job of a file.

1. Read: JSON Lines, or one JSON array; each entry keeps its number. What an entry leaves out, the options say.
2. Gather entries into batches of at most 10,000 jobs and 16 MiB.
3. Submit: of a batch all is stored, or nothing.
4. The first batch that is refused is the last: each fault is named by line and field, and what is stored is always the
   beginning of the file. Mended, the rest can be submitted from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, BinaryIO
from uuid import UUID

import typer

from aeon_jobs.api.client.errors import InvalidRequest
from aeon_jobs.api.contract import NewJob, Submitted
from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.input.values import MOST_BYTES, exact_moment, json_value, opened
from aeon_jobs.ops.cli.output.console import clean, err
from aeon_jobs.persistence.core.errors import InvalidJob

BATCH_JOBS = 10_000
BATCH_BYTES = 16 << 20
MOST_SHOWN = 100

_FIELDS = {field.name for field in fields(NewJob)}
_PLACE = re.compile(r"jobs\[(\d+)\]\.?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    number: int
    field: str
    rule: str

    @classmethod
    def of(cls, number: int, words: str) -> Fault:
        """Of a message such as ``priority: must be …``; with ``entry`` in front it is about the whole of it."""
        name, _, rule = words.partition(": ")
        return cls(number, "" if name == "entry" else name, rule)


@dataclass(slots=True)
class Batch:
    numbers: list[int] = field(default_factory=list)
    jobs: list[NewJob] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    size: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.numbers) >= BATCH_JOBS or self.size >= BATCH_BYTES


@dataclass(slots=True)
class Outcome:
    unit: str = "line"
    """What the numbers count: lines of a file, or items of an array."""
    jobs: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    last: int = 0
    """Number of the last entry that is stored."""
    is_whole: bool = False
    """Everything was submitted."""


def submit_file(desk: Desk, path: str, shared: NewJob) -> None:
    """Submit what stands in a file, or on stdin (``-``); `shared` says what an entry leaves out.

    Raises:
        InvalidInput: there is nothing to read.
        typer.Exit: a batch was refused.
    """
    outcome = Outcome()
    try:
        with opened(path, "--many") as source:
            _submit(desk, source, shared, outcome)
    except BaseException:
        # Ctrl-C, or the server went away: what is stored is stored.
        if outcome.jobs:
            _tell(desk, outcome, "the batch that follows it may be stored, too")
        raise
    _tell(desk, outcome, "nothing of what follows it")
    if outcome.errors:
        raise typer.Exit(Exit.INVALID_INPUT)


def _submit(desk: Desk, source: BinaryIO, shared: NewJob, outcome: Outcome) -> None:
    outcome.unit, entries = _entries(source)
    with desk.screen.progress("Submit jobs", None) as advance:
        for batch in _batches(entries, shared):
            faults = batch.faults or _store(desk, batch, outcome)
            if faults:
                outcome.errors = [{outcome.unit: f.number, "field": f.field, "rule": f.rule} for f in faults]
                return
            advance(len(batch.jobs))
    outcome.is_whole = True


def _store(desk: Desk, batch: Batch, outcome: Outcome) -> list[Fault]:
    try:
        stored = desk.backend.submit_many(batch.jobs)
    except InvalidJob as error:
        return _placed(batch, [(violation.field, violation.rule) for violation in error.violations])
    except InvalidRequest as error:
        return _placed(batch, error.errors or [("", str(error))])
    outcome.jobs += [_shown(outcome.unit, number, job) for number, job in zip(batch.numbers, stored, strict=True)]
    outcome.last = batch.numbers[-1]
    return []


def _shown(unit: str, number: int, job: Submitted) -> dict[str, Any]:
    return {unit: number, **{field.name: getattr(job, field.name) for field in fields(job)}}


def _placed(batch: Batch, violations: Iterable[tuple[str, str]]) -> list[Fault]:
    """``jobs[17].payload.to`` is the 18th of the batch; where nothing is named, the batch begins."""
    faults = []
    for path, rule in violations:
        found = _PLACE.fullmatch(path)
        number = batch.numbers[int(found[1])] if found else batch.numbers[0]
        faults.append(Fault(number, found[2] if found else path, rule))
    return faults


def _batches(entries: Iterable[tuple[int, int, Any]], shared: NewJob) -> Iterator[Batch]:
    batch = Batch()
    for number, size, value in entries:
        try:
            batch.jobs.append(_new_job(value, shared))
        except InvalidInput as error:
            batch.faults.append(Fault.of(number, str(error)))
        batch.numbers.append(number)
        batch.size += size
        if batch.is_full:
            yield batch
            batch = Batch()
    if batch.numbers:
        yield batch


def _entries(source: BinaryIO) -> tuple[str, Iterator[tuple[int, int, Any]]]:
    """What is counted, and every entry with its number and size; one that is no JSON is a InvalidInput."""
    head = []
    for line in _lines(source):
        head.append(line)
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            break
    if head and head[-1].lstrip(b"\xef\xbb\xbf \t").startswith(b"["):
        return "item", _items(b"".join(head) + source.read(MOST_BYTES))
    return "line", _objects(chain(head, _lines(source)))


def _lines(source: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: source.readline(MOST_BYTES + 1), b"")


def _objects(lines: Iterable[bytes]) -> Iterator[tuple[int, int, Any]]:
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if len(line) > MOST_BYTES:
            yield number, BATCH_BYTES, InvalidInput(f"entry: is longer than {MOST_BYTES >> 20} MiB")
            return
        if text.strip():
            yield number, len(line), _parsed(text)


def _items(text: bytes) -> Iterator[tuple[int, int, Any]]:
    if len(text) > MOST_BYTES:
        raise InvalidInput(f"--many: an array longer than {MOST_BYTES >> 20} MiB: write one object a line instead")
    values = json_value(text.removeprefix(b"\xef\xbb\xbf"), "--many")
    size = len(text) // (len(values) or 1)
    return ((number, size, value) for number, value in enumerate(values, 1))


def _parsed(line: bytes) -> Any:
    try:
        return json_value(line, "entry")
    except InvalidInput as error:
        return error


def _new_job(value: Any, shared: NewJob) -> NewJob:
    """
    Raises:
        InvalidInput: names the field.
    """
    if isinstance(value, InvalidInput):
        raise value
    if not isinstance(value, dict):
        raise InvalidInput("entry: must be a JSON object")
    if unknown := sorted(value.keys() - _FIELDS):
        raise InvalidInput(f"{unknown[0]:.80}: is no field of a submission")
    given = {name: entry for name, entry in value.items() if entry is not None}
    new = replace(shared, **_typed(given))
    if not (isinstance(new.job_type, str) and new.job_type):
        raise InvalidInput("job_type: is required")
    return new


def _typed(given: dict[str, Any]) -> dict[str, Any]:
    """What JSON has no type for; everything else is held against its rule where it is stored."""
    for name in {"payload", "metadata"} & given.keys():
        if not isinstance(given[name], Mapping):
            raise InvalidInput(f"{name}: must be a JSON object")
    if "scheduled_at" in given:
        given["scheduled_at"] = exact_moment(str(given["scheduled_at"]), "scheduled_at")
    if "depends_on" in given:
        given["depends_on"] = _job_ids(given["depends_on"])
    return given


def _job_ids(texts: Any) -> tuple[UUID, ...]:
    try:
        return tuple(UUID(text) for text in texts) if isinstance(texts, list) else (UUID(texts),)
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput("depends_on: must be a list of ids of jobs") from None


def _tell(desk: Desk, outcome: Outcome, rest: str) -> None:
    for error in outcome.errors[:MOST_SHOWN]:
        place = f"{outcome.unit} {error[outcome.unit]}"
        words = ": ".join(part for part in (place, error["field"], error["rule"]) if part)
        err.print(f"error: {clean(words)}", style="red", markup=False, soft_wrap=True)
    desk.screen.show({"jobs": outcome.jobs, "errors": outcome.errors}, lambda _: _sentence(outcome, rest))


def _sentence(outcome: Outcome, rest: str) -> str:
    count, known = len(outcome.jobs), sum(not job["is_new"] for job in outcome.jobs)
    words = f"{count} job{'' if count == 1 else 's'} submitted"
    if known:
        words += f", {known} of them there already"
    return words if outcome.is_whole or not count else f"{words}: up to {outcome.unit} {outcome.last}; {rest}"
