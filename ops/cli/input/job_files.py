"""Files of jobs: JSON Lines, or one JSON array. They are read twice: to check every entry, and to submit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from aeon_jobs.api.contract import NewJob
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.input.values import MOST_BYTES, json_value, opened
from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.errors import InvalidJob

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobType

IN_MEMORY = 16 << 20
"""Bytes of a pipe that are kept in memory; more go to a temporary file."""
_MARK = b"\xef\xbb\xbf"
_FIELDS = tuple(field.name for field in fields(NewJob))


@dataclass(frozen=True, slots=True)
class Fault:
    number: int
    field: str
    rule: str


@dataclass(frozen=True, slots=True)
class Entry:
    number: int
    size: int
    """Bytes."""
    value: Any
    """What JSON says, or an InvalidInput."""
    shared: Mapping[str, Any]
    """What the entry leaves out."""

    def faults(self, job_types: Mapping[str, JobType]) -> list[Fault]:
        """Every rule that the entry breaks."""
        if isinstance(self.value, InvalidInput):
            return [Fault(self.number, "", str(self.value).removeprefix("entry: "))]
        if not isinstance(self.value, dict):
            return [Fault(self.number, "", "must be a JSON object")]
        given = self._fields()
        found = _broken_fields(given) | _broken_payload(given, job_types)
        return [Fault(self.number, name, rule) for name, rule in sorted(found.items())]

    def job(self) -> NewJob:
        """The submission. The entry has no faults."""
        from aeon_jobs.api.service.core.validation import read

        return read(NewJob, self._fields())

    def _fields(self) -> dict[str, Any]:
        given = {name: value for name, value in self.value.items() if value is not None}
        return {**self.shared, **given}


class JobFile:
    """A file, or stdin (``-``).

    Raises:
        InvalidInput: it cannot be read.
    """

    def __init__(self, path: str, shared: NewJob) -> None:
        self._closing = ExitStack()
        self._source = self._twice_readable(self._closing.enter_context(opened(path, "--many")))
        self._shared = {name: getattr(shared, name) for name in _FIELDS if getattr(shared, name) not in (None, "")}
        self.unit = "item" if self._is_array() else "line"

    def entries(self) -> Iterator[Entry]:
        """Every entry, from the first."""
        self._source.seek(0)
        found = _items(self._source) if self.unit == "item" else _objects(self._source)
        return (Entry(number, size, value, self._shared) for number, size, value in found)

    def _twice_readable(self, source: BinaryIO) -> BinaryIO:
        if source.seekable():
            return source
        copy = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by the stack
        self._closing.enter_context(copy)
        shutil.copyfileobj(source, copy)
        return copy  # type: ignore[return-value]

    def _is_array(self) -> bool:
        self._source.seek(0)
        for line in _lines(self._source):
            if text := line.strip(_MARK + b" \t\r\n"):
                return text.startswith(b"[")
        return False

    def __enter__(self) -> JobFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()


def _broken_fields(given: Mapping[str, Any]) -> dict[str, str]:
    from aeon_jobs.api.service.core.validation import read

    try:
        read(NewJob, dict(given))
    except InvalidJob as error:
        return {violation.field: violation.rule for violation in error.violations}
    return {}


def _broken_payload(given: Mapping[str, Any], job_types: Mapping[str, JobType]) -> dict[str, str]:
    name, payload = given.get("job_type"), given.get("payload", {})
    if not isinstance(name, str):
        return {}
    if name not in job_types:
        return {"job_type": f"{name!r:.100} is not registered by any worker"}
    if not isinstance(payload, Mapping):
        return {}
    try:
        payloads.encode(dict(payload), "payload", limit=MOST_BYTES)
        payloads.validate(payload, job_types[name].payload_schema)
    except InvalidJob as error:
        return {violation.field: violation.rule for violation in error.violations}
    return {}


def _lines(source: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: source.readline(MOST_BYTES + 1), b"")


def _objects(source: BinaryIO) -> Iterator[tuple[int, int, Any]]:
    for number, line in enumerate(_lines(source), 1):
        text = line.removeprefix(_MARK) if number == 1 else line
        if len(line) > MOST_BYTES:
            yield number, len(line), InvalidInput(f"is longer than {MOST_BYTES >> 20} MiB")
            return
        if text.strip():
            yield number, len(line), _parsed(text)


def _items(source: BinaryIO) -> Iterator[tuple[int, int, Any]]:
    text = source.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise InvalidInput(f"--many: an array longer than {MOST_BYTES >> 20} MiB: write one object per line instead")
    values = json_value(text.removeprefix(_MARK), "--many")
    size = len(text) // (len(values) or 1)
    return ((number, size, value) for number, value in enumerate(values, 1))


def _parsed(line: bytes) -> Any:
    try:
        return json_value(line, "entry")
    except InvalidInput as error:
        return error
