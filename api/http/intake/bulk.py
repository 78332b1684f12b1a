"""The body of a bulk submission, read as it arrives: `{"jobs": [{…}, {…}]}`.

Each job is parsed and checked as soon as its text is complete, and kept as compact text. So neither the body nor the values of
all jobs are ever in memory at once.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from aeon_jobs.api.contract import NewJob, NewJobs
from aeon_jobs.api.contract.jobs import MAX_BATCH
from aeon_jobs.api.http import strict_json
from aeon_jobs.api.http.strict_json import MalformedJson
from aeon_jobs.api.service.core.compact import CompactJobs
from aeon_jobs.api.service.core.validation import MOST_SHOWN, read
from aeon_jobs.persistence.core.errors import InvalidJob, Violation

_BEGINNING = re.compile(r'\s*\{\s*"jobs"\s*:\s*\[\s*')
_SEPARATOR = re.compile(r"\s*([,\]])\s*")
_SPACE = re.compile(r"\s*")
_END = re.compile(r"\s*\}\s*")
_MOST_BESIDES = 1_024
"""Characters before the first job, and after the last."""
_LONGEST_WORD = 16
"""An error so close to the end of a text may be a word, a number or an escape that is cut off."""


class BulkReader:
    """`feed` it all of the body, then `finish`."""

    def __init__(self, most_job_bytes: int, most_bytes: int) -> None:
        """`most_job_bytes`: of the text of one job; `most_bytes`: of all that is kept."""
        self._most_job_bytes, self._most_bytes = most_job_bytes, most_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._jobs = CompactJobs()
        self._violations: list[Violation] = []
        self._number = 0
        self._text, self._position = "", 0
        """What is not read yet begins at the position."""
        self._passed = 0
        """Characters before the text."""
        self._worth_trying = 0
        """With fewer characters, what was cut off is still cut off."""
        self._step = self._begin

    @property
    def pending(self) -> int:
        """Characters of a job that is not complete."""
        return len(self._text)

    @property
    def largest(self) -> int:
        """Bytes of the largest job."""
        return self._jobs.largest

    def feed(self, piece: bytes) -> None:
        """
        Raises:
            MalformedJson: the text breaks a rule of `strict_json`, or a job is too large.
            InvalidJob: a hundred faults were found, or there are too many jobs.
        """
        self._text += self._decoded(piece)
        if len(self._text) >= self._worth_trying:
            self._read_all()
            self._worth_trying = 2 * len(self._text)

    def finish(self) -> NewJobs:
        """
        Raises:
            MalformedJson: the text is not complete.
            InvalidJob: names every field at fault.
        """
        self._text += self._decoded(b"", is_last=True)
        self._read_all()
        if self._step != self._end or not _END.fullmatch(self._text):
            raise self._malformed("is not complete, or has more than the field jobs,", len(self._text))
        if not self._number:
            raise InvalidJob.at("jobs", "must have at least 1 item")
        if self._violations:
            raise InvalidJob(self._violations[:MOST_SHOWN])
        return NewJobs(jobs=self._jobs)

    def _decoded(self, piece: bytes, *, is_last: bool = False) -> str:
        try:
            return self._decoder.decode(piece, is_last)
        except UnicodeDecodeError:
            raise MalformedJson("body", "is not UTF-8") from None

    def _read_all(self) -> None:
        while self._step():
            pass
        self._text = self._text[self._position :]
        self._passed += self._position
        self._position = 0

    # Each step says whether there is more to do with the text as it is.

    def _begin(self) -> bool:
        if found := _BEGINNING.match(self._text):
            self._position = found.end()
            self._step = self._first
            return True
        if len(self._text) > _MOST_BESIDES:
            raise MalformedJson("body", 'must begin with {"jobs": [')
        return False

    def _first(self) -> bool:
        self._skip_space()
        if self._position == len(self._text):
            return False
        self._step = self._end if self._is_next("]") else self._job
        return True

    def _job(self) -> bool:
        self._skip_space()
        try:
            value, end = strict_json.value_at(self._text, self._position)
        except json.JSONDecodeError as error:
            self._refuse_unless_cut_off(error)
            return False
        separator = _SEPARATOR.match(self._text, end)
        if separator is None:
            if self._text[end:].strip():
                raise self._malformed("is not JSON", end)
            return False
        self._take(value)
        self._position = separator.end()
        self._step = self._job if separator[1] == "," else self._end
        return True

    def _end(self) -> bool:
        if len(self._text) - self._position > _MOST_BESIDES:
            raise self._malformed("has more than the field jobs", self._position)
        return False

    def _skip_space(self) -> None:
        if found := _SPACE.match(self._text, self._position):
            self._position = found.end()

    def _is_next(self, character: str) -> bool:
        is_next = self._text.startswith(character, self._position)
        self._position += is_next
        return is_next

    def _refuse_unless_cut_off(self, error: json.JSONDecodeError) -> None:
        is_cut_off = error.msg.startswith("Unterminated string") or error.pos + _LONGEST_WORD >= len(self._text)
        if not is_cut_off:
            raise self._malformed(f"is not JSON: {error.msg}", error.pos)
        if len(self._text) - self._position > self._most_job_bytes:
            raise MalformedJson(f"jobs[{self._number}]", f"must be at most {self._most_job_bytes} bytes as JSON")

    def _take(self, value: Any) -> None:
        place = f"jobs[{self._number}]"
        self._number += 1
        if self._number > MAX_BATCH:
            raise InvalidJob.at("jobs", f"must have at most {MAX_BATCH} items")
        strict_json.check(value, place, outside=2)
        try:
            self._keep(read(NewJob, value))
        except InvalidJob as error:
            self._violations += [Violation(_within(place, v.field), v.rule) for v in error.violations]
            if len(self._violations) >= MOST_SHOWN:
                raise InvalidJob(self._violations[:MOST_SHOWN]) from None

    def _keep(self, job: NewJob) -> None:
        if self._violations:
            return  # Nothing will be stored: it is read for its faults alone.
        self._jobs.append(job)
        if self._jobs.size > self._most_bytes:
            raise MalformedJson("jobs", f"need more than {self._most_bytes} bytes: send them in several requests")

    def _malformed(self, rule: str, position: int) -> MalformedJson:
        return MalformedJson("body", f"{rule} at character {self._passed + position}")


def _within(place: str, field: str) -> str:
    return place if field == "body" else f"{place}.{field}"
