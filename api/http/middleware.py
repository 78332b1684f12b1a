"""What every request has, whatever answers it: a request id, safe headers, HEAD as GET without a body.

Stands outside of the router, so that its own 404 and 405 have it too.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import unquote

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from aeon_jobs.api.http.errors import Problem, content, invalid
from aeon_jobs.api.http.strict_json import encode
from aeon_jobs.persistence.core.errors import Violation

_SENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SAFE_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # Answers hold other people's data: no cache but the client's own, and that has to ask.
    "cache-control": "private, no-cache",
}


async def surrounded(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request through `app`."""
    if scope["type"] != ScopeType.HTTP:
        await app(scope, receive, send)
        return
    request_id = _request_id(scope)
    scope.setdefault("state", {})["request_id"] = request_id
    structlog.contextvars.bind_contextvars(request_id=request_id)
    send = _with_headers(scope, send, request_id)
    if _has_nul(scope):
        await _refuse_nul(scope, send, request_id)
    elif scope["method"] == "OPTIONS" and not _is_preflight(scope):
        # The router knows all methods of an address only when it refuses one.
        await app(_with_method(scope, "NONE"), receive, _as_options(send))
    elif scope["method"] == "HEAD":
        await app(_with_method(scope, "GET"), receive, _without_body(send))
    else:
        await app(scope, receive, send)


def _with_method(scope: Scope, method: str) -> Scope:
    """A copy: the server looks at its own scope to see whether an answer has a body."""
    return {**scope, "method": method}  # type: ignore[return-value]


def _request_id(scope: Scope) -> str:
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return sent if _SENT_ID.fullmatch(sent) else secrets.token_hex(16)


def _has_nul(scope: Scope) -> bool:
    """PostgreSQL's text cannot hold NUL, so no path or parameter with one can name anything."""
    return "\0" in scope["path"] or "\0" in unquote(scope["query_string"].decode("latin-1"))


async def _refuse_nul(scope: Scope, send: Send, request_id: str) -> None:
    problem: Problem = invalid([Violation("url", "contains a NUL character")])
    body = encode(content(problem, scope["path"].replace("\0", "␀"), request_id))
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _with_headers(scope: Scope, send: Send, request_id: str) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours: Mapping[str, str] = {
                **_SAFE_HEADERS,
                "x-request-id": request_id,
                **scope["state"].get("rate_limit_headers", {}),
            }
            present = {name for name, _ in message["headers"]}
            added = [(name.lower().encode(), value.encode()) for name, value in ours.items()]
            theirs = [_allow_head(header) for header in message["headers"]]
            message["headers"] = [*theirs, *(header for header in added if header[0] not in present)]
        await send(message)

    return send_with_headers


def _is_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


def _as_options(send: Send) -> Send:
    async def send_as_options(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 405:
            message["status"] = 204
            message["headers"] = [header for header in message["headers"] if not header[0].startswith(b"content-")]
        await send(message)

    return _without_body(send_as_options)


def _allow_head(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """The router does not know that whoever has GET has HEAD."""
    name, value = header
    return (name, value + b", HEAD") if name == b"allow" and b"GET" in value else header


def _without_body(send: Send) -> Send:
    is_over = False

    async def send_without_body(message: Message) -> None:
        nonlocal is_over
        if message["type"] == "http.response.start":
            await send(message)
        elif not is_over:
            # Over with the first part: a stream that nobody reads would never end.
            is_over = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_without_body
