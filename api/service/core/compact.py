"""Many submissions in little memory: each is kept as its text, and read again, some at a time, when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import overload

import msgspec

from aeon_jobs.api.contract import NewJob

PORTION = 500
PORTION_BYTES = 131_072
"""Jobs that are used at a time, at most: values take up to fifty times the memory of their text."""


def portions(jobs: Sequence[NewJob]) -> Iterator[slice]:
    """Places of all jobs, in their order. Nobody holds one portion while the next is read."""
    first = 0
    while first < len(jobs):
        size = jobs.portion_at(first) if isinstance(jobs, CompactJobs) else PORTION
        yield slice(first, first + size)
        first += size


class CompactJobs(Sequence[NewJob]):
    """Of jobs that are valid. 10,000 small ones take 3 MB instead of 20."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self.size = 0
        """Bytes of all texts."""
        self.largest = 0
        """Bytes of the longest text."""

    def append(self, job: NewJob) -> None:
        given = {name: value for name, default in _DEFAULTS.items() if (value := getattr(job, name)) != default}
        text = msgspec.json.encode(given)
        self._texts.append(text)
        self.size += len(text)
        self.largest = max(self.largest, len(text))

    def portion_at(self, first: int) -> int:
        """How many from `first` on make a portion."""
        size = 0
        for number, text in enumerate(self._texts[first : first + PORTION]):
            size += len(text)
            if size > PORTION_BYTES:
                return max(1, number)
        return PORTION

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, place: int) -> NewJob: ...
    @overload
    def __getitem__(self, place: slice) -> list[NewJob]: ...
    def __getitem__(self, place: int | slice) -> NewJob | list[NewJob]:
        if isinstance(place, slice):
            return [_DECODER.decode(text) for text in self._texts[place]]
        return _DECODER.decode(self._texts[place])


_DEFAULTS = {
    field.name: field.default if field.default_factory is MISSING else field.default_factory()
    for field in fields(NewJob)
}
"""Of fields that nobody gave, not even the names are kept."""
_DECODER = msgspec.json.Decoder(NewJob)
