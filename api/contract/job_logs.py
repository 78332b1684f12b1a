"""Lines that the handler of a job logged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    attempt: int
    line: int
    """From 1 in each attempt."""
    logged_at: datetime
    level: str
    """`debug`, `info`, `warning`, `error` or `critical`."""
    message: str

    @property
    def cursor(self) -> str:
        """What comes after it is the next page."""
        return f"{self.attempt}-{self.line}"
