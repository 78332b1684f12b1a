"""The Idempotency-Key header: a request that is sent again is answered again, and not done again."""

from __future__ import annotations

from typing import Annotated

from litestar.params import HeaderParameter

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="the same key and body within 24 h: the first answer again; another body: 422",
    ),
]


def replayed(is_repeated: bool) -> dict[str, str]:
    """The header that tells a repeated answer."""
    return {"Idempotency-Replayed": "true"} if is_repeated else {}
