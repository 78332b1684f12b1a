"""Sessions of the dashboard: who is signed in.

A session belongs to an API key, and ends with it. Its token is 256 random bits in a cookie; only the SHA-256 digest of it is
stored.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Connection

from aeon_jobs.persistence.admin.api_keys import Holder
from aeon_jobs.persistence.core.database import run


def begin(connection: Connection, key_id: str, lifetime_ms: int) -> str:
    """Sign in; returns the token, which cannot be had again."""
    token = secrets.token_urlsafe(32)
    given = {"token_hash": _digest(token), "key_id": key_id, "lifetime_ms": lifetime_ms}
    run(connection, "admin/open_session", given)
    return token


def holder(connection: Connection, token: str) -> Holder | None:
    """Whose session it is; None when it, or its key, has ended."""
    row = run(connection, "admin/find_session", {"token_hash": _digest(token)}).one_or_none()
    return Holder(key_id=row.key_id, name=row.name, role=row.role) if row else None


def end(connection: Connection, token: str) -> None:
    """Sign out."""
    run(connection, "admin/close_session", {"token_hash": _digest(token)})


def end_all(connection: Connection, key_id: str) -> int:
    """Sign out everywhere; how many sessions the key had."""
    return run(connection, "admin/close_sessions_of_key", {"key_id": key_id}).rowcount


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
