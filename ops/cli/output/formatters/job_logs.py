"""Lines that handlers logged."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from aeon_jobs.api.contract import LogLine

_STYLES = {"warning": "yellow", "error": "red", "critical": "red"}


def log_lines(found: Sequence[LogLine]) -> Text:
    """A line begins with its time in UTC, its attempt, and its level."""
    return Text("\n").join(_line(line) for line in found) if found else Text("no lines", style="dim")


def _line(found: LogLine) -> Text:
    opening = f"{found.logged_at:%Y-%m-%d %H:%M:%S} #{found.attempt} {found.level:<8} "
    return Text.assemble((opening, _STYLES.get(found.level, "dim")), found.message)
