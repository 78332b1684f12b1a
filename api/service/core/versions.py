"""Versions of a row: a change may be made on the condition that the row is as the caller saw it."""

from __future__ import annotations

from datetime import datetime

from aeon_jobs.api.service.core.errors import VersionChanged


def version(updated_at: datetime) -> str:
    """As an entity tag. Every change moves updated_at, by at least a microsecond."""
    return f'"{round(updated_at.timestamp() * 1_000_000):x}"'


def names(tags: str, updated_at: datetime) -> bool:
    """Whether one of `tags` (as in If-Match: separated by commas, or ``*``) names this version."""
    named = {part.strip().removeprefix("W/") for part in tags.split(",")}
    return "*" in named or version(updated_at) in named


def refuse_changed(if_match: str | None, updated_at: datetime) -> None:
    """Call with the row locked.

    Raises:
        VersionChanged: the caller wanted to change another version.
    """
    if if_match is not None and not names(if_match, updated_at):
        raise VersionChanged(version(updated_at))
