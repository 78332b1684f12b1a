"""Who acts: a name, and a role that says what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do all that the ones before it may."""

    VIEWER = 1
    """Reads everything but keys and the audit log."""
    SUBMITTER = 2
    """Submits jobs, and cancels those it submitted."""
    OPERATOR = 3
    """Changes any job, dead letter, schedule and queue."""
    ADMIN = 4
    """Makes and revokes keys, reads the audit log."""

    @classmethod
    def named(cls, name: str) -> Role:
        return cls[name.upper()]

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Principal:
    name: str
    role: Role
    key_id: str | None = None
    """None without authentication: the API has it switched off, or the caller is a process of ours."""

    def may(self, role: Role) -> bool:
        return self.role >= role


ANYBODY = Principal(name="anonymous", role=Role.ADMIN)
"""Everybody, when API_AUTH_ENABLED=false."""
