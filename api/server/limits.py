"""How much one connection, and all of them together, may hold before the application has seen anything of it."""

from __future__ import annotations

from dataclasses import dataclass

from aeon_jobs.persistence.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    connections: int = 1_000
    """At the same time."""
    head_bytes: int = 65_536
    """Of the request line and all headers (and trailers) of one request."""
    held_bytes: int = 14_680_064
    """Of all requests that wait for their head or their turn, beyond FREE_BYTES of each."""
    unsent_bytes: int = 33_554_432
    """Of all answers that clients do not read."""
    head_s: float = 10.0
    """Seconds for a whole head, and for the rest of a body that nobody wants."""
    unread_s: float = 30.0
    """Seconds in which a client has to read its answer."""

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(
            connections=settings.api_max_connections,
            head_bytes=settings.api_max_header_bytes,
            held_bytes=settings.api_max_held_bytes // 8,
            unsent_bytes=settings.api_max_held_bytes // 4,
            head_s=settings.api_header_timeout / 1_000,
            unread_s=settings.api_body_timeout / 1_000,
        )


FREE_BYTES = 16_384
"""Of each connection: an ordinary request is never refused because others are large."""
MOST_HEADERS = 100
MOST_PIPELINED = 10
"""Requests of one connection that wait for the answer to the one before."""
