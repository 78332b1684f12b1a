"""API keys: who may call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aeon_jobs.api.contract.fields import Instant, Key, Request

RoleName = Literal["viewer", "submitter", "operator", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeyRequest(Request):
    """A key to make."""

    name: Key
    """Of its holder; becomes the `created_by` of what it submits."""
    role: RoleName
    expires_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    id: str
    name: str
    role: RoleName
    key: str
    """Is shown this once."""
    expires_at: datetime | None

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r}, name={self.name!r}, role={self.role!r}, key='…')"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    id: str
    name: str
    role: RoleName
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Whose key this is."""

    name: str
    role: RoleName
    key_id: str | None
