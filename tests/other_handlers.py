"""Job types of another service, in the same queue as those of `tests.handlers`."""

from __future__ import annotations

from aeon_jobs import job
from tests.effects import effect


@job
def other_note(n: int = 0) -> int:
    effect("ran")
    return n
