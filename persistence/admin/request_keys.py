"""Requests with an Idempotency-Key: done once, and answered the same way every time they are repeated.

The key is taken in the transaction of the work: a request that failed has left no trace and may be repeated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobsError

WINDOW_S = 86_400
"""Seconds for which an answer is kept."""


class RequestKeyReused(JobsError):
    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"Idempotency-Key {key!r} was used before with another request")


def once(
    connection: Connection,
    *,
    actor: str,
    key: str,
    request: bytes,
    work: Callable[[], Mapping[str, Any]],
) -> tuple[Mapping[str, Any], bool]:
    """The answer to `request`, and whether it is a repetition: then `work` was not run.

    Raises:
        RequestKeyReused: the actor used the key before with another request.
    """
    fingerprint = hashlib.sha256(request).digest()
    owner = {"actor": actor, "key": key}
    run(connection, "admin/forget_request_keys")
    taken = run(connection, "admin/take_request_key", {**owner, "fingerprint": fingerprint, "window_s": WINDOW_S})
    if taken.one_or_none() is None:
        return _earlier_answer(connection, owner, fingerprint), True
    answer = work()
    run(connection, "admin/answer_request_key", {**owner, "answer": json.dumps(answer, default=str)})
    return answer, False


def _earlier_answer(connection: Connection, owner: Mapping[str, str], fingerprint: bytes) -> Mapping[str, Any]:
    # A new statement has a new snapshot: it sees the row that the INSERT ran into.
    row = run(connection, "admin/find_request_key", owner).one()
    if bytes(row.fingerprint) != fingerprint:
        raise RequestKeyReused(owner["key"])
    return row.answer  # type: ignore[no-any-return]
