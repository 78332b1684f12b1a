"""API keys of services and users.

A key reads ``aeon_<id>_<secret>``. The id is public: it names the row, stands in lists and logs. Of the key
as a whole only the SHA-256 digest is stored; the key itself is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobsError

ROLES = ("viewer", "submitter", "operator", "admin")
_SHAPE = re.compile(r"aeon_([a-z0-9]{12})_[A-Za-z0-9_-]{43}")
_ANYWHERE = re.compile(r"(aeon_[a-z0-9]{12}_)[A-Za-z0-9_-]{43}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_NOBODYS_HASH = hashlib.sha256(b"nobody").digest()


class UnknownRole(JobsError, ValueError):
    def __init__(self, role: str) -> None:
        super().__init__(f"role {role!r} is none of {', '.join(ROLES)}")


class KeyNotFound(JobsError, LookupError):
    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id} that could be revoked")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it."""

    id: str
    name: str
    role: str
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a valid key belongs to."""

    key_id: str
    name: str
    role: str


def create(
    connection: Connection, name: str, role: str, expires_at: datetime | None = None, by: str | None = None
) -> str:
    """Make a key; returns its plaintext, which cannot be had again.

    Two keys may share a name: that is how one is rotated.

    Raises:
        UnknownRole: the role is none of ROLES.
    """
    if role not in ROLES:
        raise UnknownRole(role)
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    key = f"aeon_{key_id}_{secrets.token_urlsafe(32)}"
    run(
        connection,
        "admin/insert_api_key",
        {
            "id": key_id,
            "name": name,
            "role": role,
            "secret_hash": _digest(key),
            "expires_at": expires_at,
            "created_by": by,
        },
    )
    return key


def key_id_of(key: str) -> str | None:
    """The public id inside a key; None for what cannot be a key."""
    shape = _SHAPE.fullmatch(key)
    return shape[1] if shape else None


def without_secrets(text: str) -> str:
    """`text` with the secret part of every key in it replaced by `***`; the public id stays."""
    return _ANYWHERE.sub(r"\1***", text)


def authenticate(connection: Connection, key: str) -> Holder | None:
    """The holder of a key that is neither revoked nor expired."""
    key_id = key_id_of(key)
    if key_id is None:
        return None
    row = run(connection, "admin/find_api_key", {"id": key_id}).one_or_none()
    # Compared even when there is no such row: the answer takes as long for a wrong id as for a wrong secret.
    stored = bytes(row.secret_hash) if row else _NOBODYS_HASH
    if not hmac.compare_digest(stored, _digest(key)) or row is None:
        return None
    run(connection, "admin/touch_api_key", {"id": key_id})
    return Holder(key_id=row.id, name=row.name, role=row.role)


def is_valid(connection: Connection, key_id: str) -> bool:
    """Whether the key of that id is neither revoked nor expired."""
    return run(connection, "admin/find_api_key", {"id": key_id}).one_or_none() is not None


def revoke(connection: Connection, key_id: str, by: str) -> ApiKey:
    """End a key.

    Raises:
        KeyNotFound: there is none of that id, or it is revoked already.
    """
    row = run(connection, "admin/revoke_api_key", {"id": key_id, "by": by}).mappings().one_or_none()
    if row is None:
        raise KeyNotFound(key_id)
    return ApiKey(**row)


def all_keys(connection: Connection) -> list[ApiKey]:
    """Every key that was ever made, oldest first."""
    return [ApiKey(**row) for row in run(connection, "admin/list_api_keys").mappings()]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
