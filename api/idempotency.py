"""The Idempotency-Key header: a request that is sent again is answered again, and not done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from litestar.params import HeaderParameter
from pydantic import BaseModel
from sqlalchemy import Connection

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.persistence.admin import request_keys

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="the same key and body within 24 h: the first answer again; another body: 422",
    ),
]
REPLAYED = "Idempotency-Replayed"


def once(
    connection: Connection, request: ApiRequest, key: str | None, body: BaseModel, work: Callable[[], Mapping[str, Any]]
) -> tuple[Mapping[str, Any], bool]:
    """The answer of `work`, and whether it is an earlier one. Without a key `work` is simply done."""
    if key is None:
        return work(), False
    fingerprint = f"{request.method} {request.url.path}\n{body.model_dump_json()}".encode()
    return request_keys.once(connection, actor=request.user.name, key=key, request=fingerprint, work=work)
