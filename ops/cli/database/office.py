"""What every verb needs: the database, who acts, and the hints that follow a commit."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from aeon_jobs.persistence.admin import audit
from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.hints import Hints


class Office:
    def __init__(self, settings: Settings, database: Database, hints: Hints, end: Callable[[], None]) -> None:
        self.settings, self.database, self.hints = settings, database, hints
        self.actor = f"cli:{_login()}"
        self._end = end

    def close(self) -> None:
        self.database.dispose()
        self._end()

    @property
    def silence_ms(self) -> int:
        """Who was not heard of for so long is not counted as alive."""
        return 3 * self.settings.worker_heartbeat_interval

    def note(
        self,
        connection: Connection,
        action: str,
        subject: tuple[str, object],
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """A line in the audit log, in the transaction of the change."""
        audit.record(
            connection, actor=self.actor, action=action, subject=subject, before=before, after=after, reason=reason
        )


def refuse_unfit(field: str, text: str, most: int) -> None:
    """A name that no table takes.

    Raises:
        InvalidJob
    """
    if not (0 < len(text) <= most and payloads.is_storable(text)):
        raise InvalidJob.at(field, f"must be 1 to {most} characters of plain text")


def _login() -> str:
    try:
        return getpass.getuser()[:100]
    except (KeyError, OSError):  # a container's user need not have a name
        return str(os.getuid())
